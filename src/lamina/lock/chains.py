"""Who needs whom in a lock: the edges in force, and the shortest way from what the stack names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from lamina.lock.document import is_stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.lock.document import LockedDependency, LockedPackage
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target


def exact_environment(target: Target, python: str) -> dict[str, str]:
    """Return the marker values of a target whose Python is known with its patch level."""
    exact = {"python_full_version": python, "implementation_version": python}
    return target.marker_environment() | exact


def in_force(one: LockedDependency, environment: Mapping[str, str]) -> bool:
    """Tell whether a package needs another there."""
    return one.marker is None or Marker(one.marker).evaluate(dict(environment))


def requirement_of(one: LockedDependency) -> str:
    """Return an edge as PEP 508 has it, without a range, which locks do not have."""
    extras = f"[{','.join(one.extras)}]" if one.extras else ""
    markers = [f"({one.marker})" if one.extra and one.marker else one.marker or ""]
    markers += [f"extra == '{one.extra}'"] if one.extra else []
    marker = " and ".join(filter(None, markers))
    return f"{one.name}{extras} ; {marker}" if marker else f"{one.name}{extras}"


def shortest_chain(
    name: PackageName, locked: Mapping[PackageName, LockedPackage]
) -> tuple[PackageName, ...]:
    """Return the way from a package that the stack or a parent names to this one, both included."""
    # Goes from who is asked for upwards, nearest first.
    before: dict[PackageName, PackageName | None] = {name: None}
    waiting = [name]
    while waiting:
        here = waiting.pop(0)
        if any(map(is_stack, locked[here].requested_by)):
            chain = [here]
            while (after := before[chain[-1]]) is not None:
                chain.append(after)
            return tuple(chain)
        for asker in map(canonicalize_name, locked[here].requested_by):
            if asker not in before and asker in locked:
                before[asker] = here
                waiting.append(asker)
    return ()
