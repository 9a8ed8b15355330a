"""A closed stack on its conda side, and what the index side of it has from there."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lamina.lock.document import is_stack
from lamina.model.names import parse_package_name
from lamina.resolve.demands import stack_demands
from lamina.resolve.findings import Finding, FindingKind, merge_findings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from lamina.lock.conda import LockedConda
    from lamina.lock.document import Lock
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.stack.document import Stack

_IMPLIED = "python"
"""The stack says its series, so that [conda] need not name it."""


def missing_conda(
    stack: Stack, conda: Iterable[LockedConda], targets: Collection[Target]
) -> tuple[Finding, ...]:
    """Return the conda packages that neither [conda] nor [packages] lists for their target."""
    every = list(conda)
    found: list[tuple[Target, Finding]] = []
    for target in targets:
        here = [one for one in every if not one.targets or target in one.targets]
        listed = {_IMPLIED} | {
            str(name)
            for name, entry in stack.conda.items()
            if not entry.platforms or target.platform in entry.platforms
        }
        wanted = {one.name for one in stack_demands(stack) if one.holds_for(target)}
        found += [
            (target, _missing(one, here))
            for one in here
            if one.name not in listed and wanted.isdisjoint(each.name for each in one.provides)
        ]
    return merge_findings(found, targets)


def _missing(one: LockedConda, here: Sequence[LockedConda]) -> Finding:
    chain = _chain(one, here)
    who = " -> ".join([*chain, one.name]) if len(chain) > 1 else f"{chain[0]} needs it"
    return Finding(
        kind=FindingKind.MISSING_CONDA,
        package=one.name,
        message=f"{one.name} is not listed under [conda]: {who}",
    )


def _chain(one: LockedConda, here: Sequence[LockedConda]) -> list[str]:
    """Return the shortest way from what the stack names to a package, that left out."""
    by_name: dict[str, LockedConda] = {each.name: each for each in here}
    before: dict[str, str] = {}
    waiting = deque([str(one.name)])
    while waiting:
        name = waiting.popleft()
        asked_by = by_name[name].requested_by if name in by_name else ("stack",)
        if any(map(is_stack, asked_by)):
            chain = [name]
            while chain[-1] in before:
                chain.append(before[chain[-1]])
            return chain[:-1] or [name]
        for who in asked_by:
            if who not in before and who != one.name:
                before[who] = name
                waiting.append(who)
    return [str(one.name)]


def likely_held(stack: Stack, target: Target) -> dict[PackageName, None]:
    """Return the distributions that a target may have from channels, where no lock says it."""
    from lamina.press.names import likely_distributions

    return {
        parse_package_name(one): None
        for name, entry in sorted(stack.conda.items())
        if not entry.platforms or target.platform in entry.platforms
        for one in sorted(likely_distributions(name))
    }


def held_in(lock: Lock, target: Target) -> set[PackageName]:
    """Return the distributions that the conda packages of a lock have for a target."""
    return {each.name for one in lock.conda_for(target) for each in one.provides}
