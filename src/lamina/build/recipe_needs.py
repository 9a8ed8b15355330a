"""Requirements with markers as lines of a recipe, and a remark where a person has to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from lamina.model.platforms import Platform, PythonSeries, Target
from lamina.press.names import conda_name, conda_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.requirements import Requirement

_SERIES = tuple(PythonSeries(3, minor) for minor in range(8, 16))
_SYSTEMS = {
    "linux": Platform.LINUX_64,
    "osx": Platform.OSX_ARM64,
    "win": Platform.WIN_64,
}
"""Selectors of recipes."""


def python_spec(requires_python: str) -> str:
    """Return the Pythons that a package is for, as a MatchSpec."""
    return conda_spec("python", _specifiers(requires_python))


def _specifiers(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return SpecifierSet()


def need_lines(
    requirements: Iterable[Requirement],
    *,
    requires_python: str,
    noarch: bool,
    names: Mapping[str, str],
) -> Iterator[str]:
    """Yield the lines of a section, without their indentation; comments begin with ``#``.

    Requirements of extras, and those that hold for no Python that the package is for, are left
    out.
    """
    series = [one for one in _SERIES if f"{one}.99" in _specifiers(requires_python)] or _SERIES
    for one in sorted(requirements, key=lambda one: (one.name.lower(), str(one))):
        holds = {
            (system, python): _holds(one, platform, python)
            for system, platform in _SYSTEMS.items()
            for python in series
        }
        if not any(holds.values()):
            continue
        spec = conda_spec(conda_name(one.name, names), one.specifier)
        if one.extras:
            chosen = ", ".join(sorted(one.extras))
            yield f"# CHECK: of {one.name}, the extras {chosen} are wanted; conda has none"
        if one.url:
            yield f"# CHECK: {one.name} is to come from an address of its own"
        if all(holds.values()):
            yield f"- {spec}"
        else:
            yield from _conditional(one, spec, holds, noarch=noarch)


def _holds(requirement: Requirement, platform: Platform, series: PythonSeries) -> bool:
    if requirement.marker is None:
        return True
    environment = Target(platform, series).marker_environment()
    return bool(requirement.marker.evaluate(environment | {"extra": ""}))


def _conditional(
    requirement: Requirement,
    spec: str,
    holds: Mapping[tuple[str, PythonSeries], bool],
    *,
    noarch: bool,
) -> Iterator[str]:
    marker = str(requirement.marker)
    if noarch:
        here = any(found for (system, _), found in holds.items() if system == "linux")
        yield f"# CHECK: only where {marker}; a noarch package needs it always or never"
        yield f"- {spec}" if here else f"# - {spec}"
        return
    systems = [one for one in _SYSTEMS if any(holds[key] for key in holds if key[0] == one)]
    pythons = sorted({key[1] for key, found in holds.items() if found})
    whole = all(holds[system, python] for system in systems for python in pythons)
    condition = _condition(systems, pythons, sorted({key[1] for key in holds}))
    if not whole or condition is None:
        yield f"# CHECK: only where {marker}"
        yield f"- {spec}"
        return
    yield f"- if: {condition}"
    yield f"  then: {spec}"


def _condition(
    systems: list[str], pythons: list[PythonSeries], known: list[PythonSeries]
) -> str | None:
    """Return the selector that holds for some systems and Pythons; None where it is not simple."""
    parts = []
    if len(systems) < len(_SYSTEMS):
        parts.append(" or ".join(systems) if systems != ["linux", "osx"] else "unix")
    if pythons != known:
        if pythons == known[: len(pythons)]:
            parts.append(f'match(python, "<{known[len(pythons)]}")')
        elif pythons == known[-len(pythons) :]:
            parts.append(f'match(python, ">={pythons[0]}")')
        else:
            return None
    return " and ".join(f"({one})" if " or " in one and len(parts) > 1 else one for one in parts)
