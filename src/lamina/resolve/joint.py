"""Both sides together: what the index side is told of the conda side, and what it asks of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.version import Version

from lamina.core import report
from lamina.core.errors import UnsatisfiableError
from lamina.engines.uv_held import HeldPackage
from lamina.lock.conda import locked_conda
from lamina.lock.document import INDEXED, STACK, is_stack
from lamina.model.conda import needed_name
from lamina.model.names import parse_package_name
from lamina.resolve.demands import target_marker
from lamina.resolve.explain import lines_about, needs_in
from lamina.resolve.ground import PYTHON, bound_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.requirements import Requirement

    from lamina.engines.uv_lock import UvProject
    from lamina.lock.conda import LockedConda
    from lamina.model.conda import CondaRecord
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.explain import Failure
    from lamina.resolve.graph import Reached
    from lamina.resolve.ground import Bound, CondaSide, Ground
    from lamina.stack.document import Stack

Askers = dict["Target", dict["PackageName", set[str]]]
"""Who asks for a distribution that comes from a channel."""


def hold(project: UvProject, ground: Ground) -> UvProject:
    """Tell uv what there is already."""
    where: dict[tuple[PackageName, Version], list[Target]] = {}
    everywhere: set[PackageName] | None = None
    for target, held in ground.held_everywhere().items():
        everywhere = set(held) if everywhere is None else everywhere & set(held)
        for name, one in held.items():
            where.setdefault((name, one.version), []).append(target)
    count = len(ground.records)
    return replace(
        project,
        held=tuple(
            HeldPackage(
                name=name,
                version=str(version),
                markers=()
                if len(targets) == count
                else tuple(target_marker(one) for one in sorted(targets)),
            )
            for (name, version), targets in sorted(where.items())
        ),
        source=tuple(one for one in project.source if one not in (everywhere or ())),
    )


def give_way(side: CondaSide, ground: Ground, failure: Failure) -> Ground | None:
    """Return a ground on which what uv has failed by is met; None where it is not about that.

    Of several requirements the one is met that lets the conda package be the newest. Raises
    UnsatisfiableError that names both sides when the channels cannot give way.
    """
    targets = [failure.target] if failure.target else list(ground.records)
    for target in targets:
        refused: UnsatisfiableError | None = None
        found: list[tuple[Version, str, Ground]] = []
        for bound, name in _wanted(side.stack, ground, target, failure):
            more = {**ground.bounds, target: (*ground.bounds[target], bound)}
            try:
                other = side.ground(more)
            except UnsatisfiableError as error:
                refused = refused or _stuck(bound, error)
                continue
            held = other.held(target).get(name)
            found.append((held.version if held else Version("0"), bound.why, other))
        if found:
            _, why, chosen = max(found, key=lambda one: one[0])
            report.note(f"the channels give way for {target}: {why}")
            return chosen
        if refused is not None:
            raise refused
    return None


def _wanted(
    stack: Stack, ground: Ground, target: Target, failure: Failure
) -> list[tuple[Bound, PackageName]]:
    """Return the bounds that would meet what packages need and do not get from the channels."""
    held = ground.held(target)
    found = []
    for who, need in needs_in(failure):
        name = parse_package_name(need.name)
        if name not in held or need.specifier.contains(held[name].version, prereleases=True):
            continue
        bound = bound_on(held[name].record, need.specifier, _why(stack, who, need))
        if bound not in ground.bounds[target]:
            found.append((bound, name))
    return found


def _why(stack: Stack, who: str, need: Requirement) -> str:
    lines = lines_about(stack, who)
    return f"{who} needs {need}" + (f" ({'; '.join(lines)})" if lines else "")


def _stuck(bound: Bound, error: UnsatisfiableError) -> UnsatisfiableError:
    return UnsatisfiableError(
        f"{bound.why}, and no {bound.spec} can come from the channels: {error.message}",
        hints=error.hints,
    )


def stand_on(ground: Ground, reached: Mapping[Target, Reached]) -> Askers:
    """Take out of ``reached`` what comes from channels; return who asks for it."""
    askers: Askers = {}
    for target, one in reached.items():
        held = ground.held(target)
        askers[target] = {}
        for key in [key for key in one.packages if key[0] in held]:
            one.packages.pop(key)
            askers[target][key[0]] = one.requested_by.pop(key)
            one.edges.pop(key, None)
    return askers


def lock_conda(stack: Stack, ground: Ground, askers: Askers) -> tuple[LockedConda, ...]:
    """Return the conda packages as a lock has them, one entry for each build."""
    where: dict[CondaRecord, list[Target]] = {}
    asked_by: dict[CondaRecord, set[str]] = {}
    for target, records in ground.records.items():
        held = ground.held(target)
        for record in records:
            where.setdefault(record, []).append(target)
            asked_by.setdefault(record, set()).update(_needing(record, records))
            entry = stack.conda.get(record.name)  # type: ignore[call-overload]
            if record.name == PYTHON or (
                entry and (not entry.platforms or target.platform in entry.platforms)
            ):
                asked_by[record].add(STACK)
        for name, who in askers.get(target, {}).items():
            asked_by[held[name].record] |= {
                one if is_stack(one) else f"{INDEXED}{one}" for one in who
            }
    everywhere = len(ground.records)
    locked = [
        locked_conda(
            record,
            channel=ground.channels[record.channel],
            requested_by=tuple(sorted(asked_by[record])),
            targets=() if len(targets) == everywhere else tuple(sorted(targets)),
            provides=ground.provisions[record],
        )
        for record, targets in where.items()
    ]
    return tuple(sorted(locked, key=lambda one: (one.name, one.targets, one.file)))


def _needing(record: CondaRecord, records: Iterable[CondaRecord]) -> set[str]:
    return {
        one.name
        for one in records
        if one is not record and any(needed_name(need) == record.name for need in one.depends)
    }
