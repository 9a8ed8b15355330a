"""Read an installed prefix: the packages that nobody else there needs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lamina.model.platforms import PythonSeries, Target, current_platform
from lamina.stack.imported import Imported

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEDS = frozenset({"pip", "setuptools", "wheel", "uv", "distribute"})
"""What comes with environments without being asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Installed:
    name: NormalizedName
    version: Version
    requires: tuple[Requirement, ...]


def site_packages_of(prefix: Path) -> list[Path]:
    """Return the directories of a prefix that hold packages, itself when it is one of them."""
    inside = [*prefix.glob("lib*/python3*/site-packages"), *prefix.glob("Lib/site-packages")]
    inside = sorted({one.resolve() for one in inside if one.is_dir()})
    return inside or ([prefix] if any(prefix.glob("*.dist-info")) else [])


def read_installed(prefix: Path, default: PythonSeries) -> Imported:
    """Read what is installed in a prefix, as ``>=`` of the versions found there.

    Only what no other package there needs is taken; the rest comes by itself.
    """
    places = site_packages_of(prefix)
    python = next(filter(None, map(series_of, places)), None)
    left: list[str] = []
    found: dict[NormalizedName, _Installed] = {}
    for distribution in distributions(path=[str(one) for one in places]):
        one = _read(distribution, left)
        if one is not None:
            found.setdefault(one.name, one)
    asked = _asked_for(found, Target(current_platform(), python or default))
    needed = len(found) - len(asked)
    if needed:
        left.append(f"{needed} packages that others need: they come by themselves")
    if any(prefix.glob("conda-meta/*.json")):
        left.append("what conda installed without Python metadata")
    return Imported(
        requirements=tuple(Requirement(f"{n}>={found[n].version.public}") for n in asked),
        left_behind=tuple(left),
        python=python,
    )


def series_of(place: Path) -> PythonSeries | None:
    """Return the Python series in the path of a site-packages directory, None where it has none."""
    found = re.fullmatch(r"python(\d+\.\d+)", place.parent.name)
    return PythonSeries.parse(found[1]) if found else None


def _read(distribution: Distribution, left: list[str]) -> _Installed | None:
    """Return one distribution, or say why it is left behind."""
    name = distribution.metadata["Name"]
    try:
        version = Version(distribution.metadata["Version"] or "")
    except InvalidVersion:
        version = None
    if not name or version is None:
        left.append(f"{name or 'a package without a name'}: its metadata cannot be read")
        return None
    if _is_elsewhere(distribution):
        left.append(f"{name}: installed from an address or a working copy, not from an index")
        return None
    if version.local:
        left.append(f"{name}: the local part of its version, +{version.local}")
    requires = tuple(_requirements(distribution))
    return _Installed(name=canonicalize_name(name), version=version, requires=requires)


def _is_elsewhere(distribution: Distribution) -> bool:
    text = distribution.read_text("direct_url.json")
    try:
        return text is not None and bool(json.loads(text))
    except json.JSONDecodeError:
        return True


def _requirements(distribution: Distribution) -> Iterator[Requirement]:
    """Yield what a distribution says it needs; old metadata may be malformed, which is no use."""
    for text in distribution.requires or ():
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue


def _asked_for(found: dict[NormalizedName, _Installed], target: Target) -> list[NormalizedName]:
    """Return the fewest names from which all others follow, seeds left out."""
    edges = _edges(found, target)
    needed = {to for one, many in edges.items() for to in many if to != one}
    asked = [name for name in sorted(found) if name not in needed]
    reached = _reached(asked, edges)
    for name in sorted(found):  # circles that nobody outside needs
        if name not in reached:
            asked.append(name)
            reached |= _reached([name], edges)
    return [name for name in sorted(asked) if name not in SEEDS]


def _edges(
    found: dict[NormalizedName, _Installed], target: Target
) -> dict[NormalizedName, set[NormalizedName]]:
    """Return who needs whom; an extra counts where somebody there asks for it."""
    extras: dict[NormalizedName, set[str]] = {name: {""} for name in found}
    edges: dict[NormalizedName, set[NormalizedName]] = {name: set() for name in found}
    grown = True
    while grown:
        grown = False
        for name, one in found.items():
            for requirement in one.requires:
                to = canonicalize_name(requirement.name)
                if to not in found or not _wanted(requirement, extras[name], target):
                    continue
                grown |= to not in edges[name] or not requirement.extras <= extras[to]
                edges[name].add(to)
                extras[to] |= requirement.extras
    return edges


def _wanted(requirement: Requirement, extras: set[str], target: Target) -> bool:
    environment = target.marker_environment()
    return requirement.marker is None or any(
        requirement.marker.evaluate(environment | {"extra": extra}) for extra in extras
    )


def _reached(
    start: list[NormalizedName], edges: dict[NormalizedName, set[NormalizedName]]
) -> set[NormalizedName]:
    reached: set[NormalizedName] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += edges[name]
    return reached
