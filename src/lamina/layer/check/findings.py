"""What a check finds, and how it is told."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lamina.core.report import counted

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal[
    "base-changed",
    "base-gone",
    "base-moved",
    "file-changed",
    "file-missing",
    "hook-missing",
    "import-failed",
    "interpreter-gone",
    "interpreter-upgraded",
    "layer-elsewhere",
    "package-changed",
    "package-missing",
    "requirement-missing",
    "requirement-unmet",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be."""

    kind: Kind
    what: str
    mend: str
    """A command that mends it."""
    package: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check looked at and found."""

    layer: Path
    findings: tuple[Finding, ...]
    looked_at: dict[str, int] = field(default_factory=dict)
    """How many packages, files and modules."""

    @property
    def sound(self) -> bool:
        """Nothing was found."""
        return not self.findings


def command(*words: str | Path) -> str:
    """Return a command line that can be pasted."""
    return shlex.join(["lamina", *map(str, words)])


def report_value(report: Report) -> dict[str, Any]:
    """Return a report as a JSON value."""
    return {
        "layer": str(report.layer),
        "sound": report.sound,
        "looked-at": report.looked_at,
        "findings": [
            {"kind": one.kind, "package": one.package, "what": one.what, "mend": one.mend}
            for one in report.findings
        ],
    }


def render_report(report: Report) -> str:
    """Return a report for people: each command once, below what it mends."""
    looked = ", ".join(counted(n, what[:-1]) for what, n in report.looked_at.items())
    if report.sound:
        return f"{report.layer}: sound ({looked})"
    lines = [f"{report.layer}: {counted(len(report.findings), 'finding')} ({looked})"]
    for mend in dict.fromkeys(one.mend for one in report.findings):
        lines += [f"  {one.kind}: {one.what}" for one in report.findings if one.mend == mend]
        lines.append(f"    mend: {mend}")
    return "\n".join(lines)
