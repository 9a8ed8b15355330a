"""Packages without a wheel for a platform: which versions have one, and for which platforms."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from lamina.core.errors import UnsatisfiableError
from lamina.engines.index_pages import Offer, project_files
from lamina.resolve.demands import demands_on, index_of, stack_demands
from lamina.resolve.inherited import Inherited
from lamina.resolve.project import index_addresses
from lamina.resolve.selection import choose_wheel, installable_targets, system_floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.core.http import HttpClient
    from lamina.model.names import PackageName
    from lamina.model.platforms import PythonSeries, Target
    from lamina.stack.document import Stack

_SHOWN = 3
"""How many versions a person reads."""


def offered_versions(
    stack: Stack, environ: Mapping[str, str], name: PackageName, client: HttpClient
) -> dict[Version, list[Offer]]:
    """Return the files of each version that the package's index offers, newest first.

    What was uploaded after the stack's ``exclude-newer`` is left out, and what was yanked.
    """
    address = index_addresses(stack, environ)[index_of(stack, name)]
    offers = project_files(client, address, name)
    inherited = isinstance(stack.packages.get(name), Inherited)
    limit = None if inherited else stack.resolve.exclude_newer
    versions: dict[Version, list[Offer]] = {}
    for one in (offer for many in offers.values() for offer in many):
        if one.yanked or (limit and (one.uploaded is None or one.uploaded >= limit)):
            continue
        if (version := version_of(one.filename)) is not None:
            versions.setdefault(version, []).append(one)
    return dict(sorted(versions.items(), reverse=True))


def version_of(filename: str) -> Version | None:
    """Return the version in a file name, None where it has none."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def files_for(files: Iterable[Offer], target: Target) -> list[Offer]:
    """Return the files that are for a target's Python; upper bounds do not count, as for uv."""
    newest = Version(f"{target.python}.99")
    return [one for one in files if all(bound <= newest for bound in _floors(one.requires_python))]


@cache
def _floors(requires_python: str) -> tuple[Version, ...]:
    """Return the lower bounds of a range, none where it cannot be read."""
    try:
        bounds = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return ()
    return tuple(Version(one.version) for one in bounds if one.operator in {">=", ">", "~="})


@cache
def allows_python(requires_python: str, series: PythonSeries) -> bool:
    """Tell whether a range allows any release of a series; one that cannot be read allows all."""
    try:
        bounds = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return True
    return any(bounds.contains(f"{series}.{patch}") for patch in (0, 99))


def is_usable(stack: Stack, name: PackageName, files: Iterable[Offer], target: Target) -> bool:
    """Tell whether any of a version's files can be installed on a target, as the stack says."""
    names = [one.filename for one in files_for(files, target)]
    has_sources = any(not one.endswith(".whl") for one in names)
    if stack.is_source(name):
        return has_sources
    wheels = [one for one in names if one.endswith(".whl")]
    if choose_wheel(wheels, target, system_floor(stack)):
        return True
    return has_sources and not stack.resolve.only_binary


def no_wheel(
    stack: Stack,
    name: PackageName,
    target: Target,
    versions: Mapping[Version, list[Offer]],
) -> UnsatisfiableError:
    """Return the error that names the versions, the platform, and the platforms with a wheel."""
    demands = demands_on(stack_demands(stack), name)
    asked = [
        version
        for version in versions
        if all(one.specifier.contains(version, prereleases=True) for one in demands)
    ]
    lines = [
        f"  {name} {version}: {_platforms(stack, versions[version])}" for version in asked[:_SHOWN]
    ]
    if len(asked) > _SHOWN:
        lines.append(f"  and {len(asked) - _SHOWN} older versions")
    where = f" ({'; '.join(one.where for one in demands)})" if demands else ""
    others = sorted(set(stack.stack.platforms) - {target.platform})
    hints = [
        f"build it: {name} = {{ version = ..., source = true }} under [packages] in lamina.toml",
    ]
    if others and demands:
        listed = ", ".join(f'"{one}"' for one in others)
        hints.insert(0, f"leave it out there: {name} = {{ version = ..., platforms = [{listed}] }}")
    text = "\n".join([f"no wheel of {name}{where} for {target}; there are wheels for", *lines])
    return UnsatisfiableError(text if asked else text.partition(";")[0], hints=hints)


def _platforms(stack: Stack, files: Iterable[Offer]) -> str:
    names = [one.filename for one in files]
    wheels = [one for one in names if one.endswith(".whl")]
    here = installable_targets(wheels, stack.stack.python)
    found = sorted({str(one.platform) for one in here})
    if found:
        return ", ".join(found) + _needs_newer(stack, wheels)
    tags = sorted({one.removesuffix(".whl").rsplit("-", 3)[1] for one in wheels})
    if tags:
        return f"other Pythons only ({', '.join(tags)})"
    return "none, sources only"


def _needs_newer(stack: Stack, wheels: list[str]) -> str:
    """Say which platforms have wheels only for systems newer than the stack's floor."""
    floor = system_floor(stack)
    ours = installable_targets(wheels, stack.stack.python)
    late = sorted({str(one.platform) for one in ours if not choose_wheel(wheels, one, floor)})
    if not late:
        return ""
    systems = {
        "linux": f"resolve.glibc = '{floor.glibc[0]}.{floor.glibc[1]}'",
        "osx": f"resolve.macos = '{floor.macos[0]}.{floor.macos[1]}'",
    }
    parts = [
        f"{', '.join(names)} for newer systems than {limit}"
        for kind, limit in systems.items()
        if (names := [one for one in late if one.startswith(kind)])
    ]
    return f" ({'; '.join(parts)})"
