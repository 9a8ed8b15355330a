"""The conda packages of a layer and of the release below it, as one lock has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.engines.conda_records import name_of, parse_spec
from lamina.lock.document import INDEXED, STACK, is_stack
from lamina.model.conda import needed_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.lock.conda import LockedConda
    from lamina.lock.document import LockedPackage
    from lamina.model.names import PackageName


def conda_with_askers(
    both: Iterable[LockedConda],
    requests: Iterable[str],
    packages: Mapping[PackageName, LockedPackage],
) -> tuple[LockedConda, ...]:
    """Return the packages of release and layer for the one target that there is, by name.

    Each with who asks for it. ``requests``: what was asked of the layer, as MatchSpecs.
    ``packages``: what is of package indexes.
    """
    there = {str(one.name): one for one in both}
    askers: dict[str, set[str]] = {
        name: {who for who in one.requested_by if is_stack(who)} for name, one in there.items()
    }
    for spec in requests:
        if (name := name_of(parse_spec(spec))) in there:
            askers[name].add(STACK)
    for one in there.values():
        for needed in map(needed_name, one.depends):
            if needed in there and needed != one.name:
                askers[needed].add(str(one.name))
    inside = {each.name: str(one.name) for one in there.values() for each in one.provides}
    for package in packages.values():
        for edge in package.dependencies:
            if edge.name in inside and edge.name not in packages:
                askers[inside[edge.name]].add(f"{INDEXED}{package.name}")
    return tuple(
        one.model_copy(update={"targets": (), "requested_by": tuple(sorted(askers[name]))})
        for name, one in sorted(there.items())
    )
