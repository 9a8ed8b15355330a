"""Which dependencies a stack does without: those it needed to waive, and those it did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.model.names import parse_package_name
from lamina.resolve.findings import ClosureReport, merge_findings
from lamina.resolve.project import waived

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.findings import Finding
    from lamina.stack.document import Stack

PYTHON = parse_package_name("python")
"""Waived: the range of Pythons that a package says it is for."""


def report_of(
    stack: Stack,
    found: Iterable[tuple[Target, Finding]],
    targets: Iterable[Target],
    *,
    used: Iterable[tuple[PackageName, PackageName]],
    unchecked: Iterable[str],
) -> ClosureReport:
    """Return the report on a stack from what was found for each target."""
    every = {(name, dep) for name, deps in waived(stack).items() for dep in deps}
    needed = set(used)
    return ClosureReport(
        findings=merge_findings(found, targets),
        waivers=tuple(_text(stack, *one) for one in sorted(needed)),
        needless_waivers=tuple(_text(stack, *one) for one in sorted(every - needed)),
        unchecked=tuple(sorted(set(unchecked))),
    )


def _text(stack: Stack, name: PackageName, dependency: PackageName) -> str:
    reason = stack.packages[name].waive[dependency]
    return f"{name} without {dependency}" + (f": {reason}" if reason else "")
