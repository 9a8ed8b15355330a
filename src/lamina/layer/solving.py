"""What a layer has to become for its requests: asked of the solver about as few names as will do.

The union of base, layer and requests has as many names as the base, and nearly always a request
touches none of them. So the requests alone are solved first, over what is there; only when that
moves something that is there, all names are asked about, with the bounds that no metadata states:
finding those out takes a look into every compiled module.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lamina.engines.uv_compile import Resolved
from lamina.layer.union import narrow_union_of, union_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lamina.engines.uv_compile import UvUnion
    from lamina.layer.abi.bounds import Bound
    from lamina.layer.union import Ground
    from lamina.model.names import PackageName

    Solution = Mapping[PackageName, Resolved]
    Bounds = Callable[[], tuple[Bound, ...]]


def _unbound() -> tuple[Bound, ...]:
    return ()


def solve_addition(
    ground: Ground,
    requests: Sequence[str],
    solver: UvUnion,
    *,
    sound: bool,
    bounds: Bounds = _unbound,
) -> Solution:
    """Return the union when requests come in; what the layer has stays at its version.

    ``sound`` says that the layer fits its base as that is now, so that nothing of it has to move.
    ``bounds`` is called when something may have to move.
    """
    if sound and (found := _solve_narrowly(ground, requests, solver)) is not None:
        return found
    bound = dataclasses.replace(ground, bounds=bounds())
    return solver.resolve(union_of(bound, requests, ground.own_versions))


def _solve_narrowly(ground: Ground, requests: Sequence[str], solver: UvUnion) -> Solution | None:
    """Return what is there and what the requests bring, None when they move what is there."""
    there = ground.versions
    # uv takes the index of a package from what is asked for, so these are, wherever they lead.
    ours = sorted(there.keys() & solver.indexes.named.keys())
    found = solver.resolve(narrow_union_of(ground, [*requests, *ours]))
    if any(there.get(name, one.version) != one.version for name, one in found.items()):
        return None
    return {
        name: Resolved(name=name, version=version, via=()) for name, version in there.items()
    } | found


def solve_removal(
    ground: Ground, requests: Sequence[str], solver: UvUnion, *, bounds: Bounds = _unbound
) -> Solution:
    """Return the union when requests go.

    The base's versions are tried first, so that what was lifted falls back; what stays lifted for
    another reason keeps the layer's version in a second pass.
    """
    mine = ground.own_versions
    if any(name in ground.base for name in mine):
        ground = dataclasses.replace(ground, bounds=bounds())
    only = {name: version for name, version in mine.items() if name not in ground.base}
    solution = solver.resolve(union_of(ground, requests, only))
    stays = {
        name: version
        for name, version in mine.items()
        if name in solution
        and name in ground.base
        and solution[name].version not in {ground.base[name].version, version}
    }
    if not stays:
        return solution
    return solver.resolve(union_of(ground, requests, only | stays))
