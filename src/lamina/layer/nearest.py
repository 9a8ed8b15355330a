"""What could be asked for instead of what cannot be."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lamina.core.errors import LaminaError
from lamina.layer.union import union_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.engines.uv_compile import Resolved, UvUnion
    from lamina.layer.union import Ground
    from lamina.model.names import PackageName


def nearest_requests(
    ground: Ground, requests: Sequence[str], asked: Sequence[Requirement], solver: UvUnion
) -> list[str]:
    """Return what was asked with versions that fit, empty where no version does.

    As many bounds as can be stay as they were asked for. In the place of the others are the newest
    versions that fit: who names a version nearly always wants at least that one.
    """
    bounded = [one for one in asked if one.specifier]
    freed = [[one] for one in bounded]
    for free in [*freed, bounded] if len(bounded) > 1 else freed:
        if fitting := _nearest(ground, requests, asked, free, solver):
            return fitting
    return []


def _nearest(
    ground: Ground,
    requests: Sequence[str],
    asked: Sequence[Requirement],
    free: Sequence[Requirement],
    solver: UvUnion,
) -> list[str]:
    """Return what was asked when some of it may be of any version, empty where that is no help."""
    names = {canonicalize_name(one.name) for one in free}
    rest = [text for text in requests if canonicalize_name(Requirement(text).name) not in names]
    union = union_of(ground, [*rest, *map(_unbounded, free)], ground.own_versions)
    kept = tuple(one for one in union.preferences if one.split("==")[0] not in names)
    there = ground.versions
    # What is there already is no answer.
    others = tuple(f"{name}!={there[name]}" for name in sorted(names & there.keys()))
    union = dataclasses.replace(union, preferences=kept, constraints=(*union.constraints, *others))
    try:
        found = solver.resolve(union)
    except LaminaError:
        return []  # The refusal that this would be a hint of says what is wrong.
    fitting = [_fitting(one, found) for one in asked]
    return fitting if fitting != [str(one) for one in asked] else []


def _fitting(one: Requirement, found: Mapping[PackageName, Resolved]) -> str:
    """Return a requirement as it is, or for the version found where that is another one."""
    there = found.get(canonicalize_name(one.name))
    if there is None or one.specifier.contains(there.version, prereleases=True):
        return str(one)
    return f"{_unbounded(one)}=={there.version}"


def _unbounded(one: Requirement) -> str:
    """Return a requirement for any version, with its extras."""
    copy = Requirement(str(one))
    copy.specifier, copy.marker = SpecifierSet(), None
    return str(copy)
