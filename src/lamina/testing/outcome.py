"""What was tried of a release, and how it went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

Kind = Literal["import", "program", "suite"]
Status = Literal["passed", "failed", "accepted", "blocked"]
"""``accepted``: failed, and somebody said why that may be; ``blocked``: could not be tried."""
_ORDER: tuple[Status, ...] = ("failed", "blocked", "accepted", "passed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One thing that was tried."""

    package: str
    """Normalised name."""
    kind: Kind
    subject: str
    """The module, the program, or the file of sources that the suite is from."""
    status: Status
    detail: str = ""
    """Why it is not passed, or how many tests there were."""
    seconds: float = 0.0

    @property
    def label(self) -> str:
        """As it is told, and accepted: ``import numpy``, ``program f2py``, ``suite numpy``."""
        return f"{self.kind} {self.package if self.kind == 'suite' else self.subject}"

    def value(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        return {
            "package": self.package,
            "kind": self.kind,
            "subject": self.subject,
            "status": self.status,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
        }


def accepted(outcomes: Iterable[Outcome], reasons: Mapping[str, str]) -> list[Outcome]:
    """Return outcomes in which what failed and is accepted says why."""
    return [
        replace(one, status="accepted", detail=f"{reasons[one.label]} ({one.detail})")
        if one.status in {"failed", "blocked"} and one.label in reasons
        else one
        for one in outcomes
    ]


def unused(outcomes: Iterable[Outcome], reasons: Mapping[str, str]) -> list[str]:
    """Return what is accepted and has not failed: the reason is out of date, or misspelt."""
    needed = {one.label for one in outcomes if one.status == "accepted"}
    return sorted(set(reasons) - needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """All that was tried of one release."""

    __test__ = False

    release: str
    platform: str
    tested: datetime
    outcomes: Sequence[Outcome]

    @property
    def sound(self) -> bool:
        """Whether nothing failed, nor could not be tried, without somebody accepting it."""
        return not any(one.status in {"failed", "blocked"} for one in self.outcomes)

    @property
    def summary(self) -> str:
        """How many of how many passed."""
        counts = Counter(one.status for one in self.outcomes)
        told = [f"{counts[status]} {status}" for status in _ORDER[:-1] if counts[status]]
        return ", ".join([f"{counts['passed']} of {len(self.outcomes)} passed", *told])

    def value(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        return {
            "release": self.release,
            "platform": self.platform,
            "tested": self.tested.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sound": self.sound,
            "summary": self.summary,
            "outcomes": [one.value() for one in self.outcomes],
        }

    def lines(self) -> list[str]:
        """Return what is to be read: all that is not passed, and every suite."""
        told = [one for one in self.outcomes if one.status != "passed" or one.kind == "suite"]
        told.sort(key=lambda one: (_ORDER.index(one.status), one.package, one.label))
        return [
            f"{self.release}: {self.summary}",
            *(f"  {one.status:8}  {one.package}: {one.label}: {one.detail}" for one in told),
        ]
