"""What is wrong with a closed stack, one finding for each thing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lamina.core.errors import UnsatisfiableError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lamina.model.conda_fields import CondaName
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target


class FindingKind(StrEnum):
    """The kinds of things that can be wrong."""

    MISSING = "missing"
    """A dependency that the stack does not list."""
    MISSING_CONDA = "missing-conda"
    """A conda package that the stack does not list."""
    OUTSIDE = "outside"
    """A listed version that a package does not accept."""
    EXCLUDED = "excluded"
    """Packages whose requirements on a third exclude each other."""
    UNAVAILABLE = "unavailable"
    """A listed package of which the index has no usable version."""
    PLATFORM = "platform"
    """A file for another platform."""
    PYTHON = "python"
    """A file for another Python."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, and for which targets; none: all of them."""

    kind: FindingKind
    package: PackageName | CondaName
    message: str
    needed_by: tuple[str, ...] = ()
    """Who asks for the package, as ``name version``."""
    targets: tuple[Target, ...] = ()

    def __str__(self) -> str:
        place = f" [{', '.join(map(str, self.targets))}]" if self.targets else ""
        return f"{self.message}{place}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding for --json."""
        return {
            "kind": str(self.kind),
            "package": self.package,
            "message": self.message,
            "needed-by": list(self.needed_by),
            "targets": [str(one) for one in self.targets],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureReport:
    """The outcome of checking a closed stack."""

    findings: tuple[Finding, ...] = ()
    waivers: tuple[str, ...] = ()
    """Waivers that were used, with their reasons."""
    needless_waivers: tuple[str, ...] = ()
    """Waivers that nothing needs any more."""
    unchecked: tuple[str, ...] = field(default=())
    """Files that tell what they need only when they are built."""
    passed_over: tuple[str, ...] = ()
    """What is installed and does not count, with the reason."""


def merge_findings(
    found: Iterable[tuple[Target, Finding]], targets: Iterable[Target]
) -> tuple[Finding, ...]:
    """Return each finding once, with the targets that it is about."""
    by_finding: dict[Finding, set[Target]] = {}
    for target, finding in found:
        by_finding.setdefault(finding, set()).add(target)
    everywhere = set(targets)
    merged = [
        finding if where == everywhere else replace(finding, targets=tuple(sorted(where)))
        for finding, where in by_finding.items()
    ]
    return tuple(sorted(merged, key=lambda one: (one.kind, one.package, one.message)))


def closure_error(
    findings: Iterable[Finding], *, closed: bool = True, prefix: Path | None = None
) -> UnsatisfiableError:
    """Return the error that lists every finding, of a stack or of what is in a prefix."""
    found = list(findings)
    count = f"{len(found)} problem{'s' if len(found) != 1 else ''}"
    head = "the stack is closed and" if prefix is None else f"{prefix}"
    lines = [f"{head} has {count}:", *(f"  {one}" for one in found)]
    if not closed:
        # What is not listed comes by itself, from the lock.
        return UnsatisfiableError("\n".join(lines), hints=["install there what lamina.lock has"])
    missing = sorted({one.package for one in found if one.kind is FindingKind.MISSING})
    conda = sorted({one.package for one in found if one.kind is FindingKind.MISSING_CONDA})
    hints = [f"lamina add {' '.join(missing)}"] if missing else []
    hints += [f"lamina add --conda {' '.join(conda)}"] if conda else []
    if missing:
        hints.append('or waive them: waive = ["..."] at the package that needs them')
    return UnsatisfiableError("\n".join(lines), hints=hints)
