"""From the conda packages that a file asks for to the entries of ``[conda]``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lamina.stack.conda_reading import EVERYWHERE
from lamina.stack.python_range import series_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.model.platforms import Platform, PythonSeries
    from lamina.stack.imported import CondaRequest, Imported


def conda_entries(
    imported: Imported, platforms: tuple[Platform, ...]
) -> tuple[dict[str, dict[str, object]], Imported]:
    """Return the entries of [conda] by name, and the rest with what could not come along.

    Of one package, requests that hold together become one; of others the first is kept.
    """
    kept: dict[str, CondaRequest] = {}
    left = list(imported.left_behind)
    for one in imported.conda:
        shown = f"{one.where}: {one.spec}"
        here = one.platforms & frozenset(platforms)
        if one.platforms and not here:
            left.append(f"{shown}: not for the platforms of this stack")
            continue
        now = replace(one, platforms=EVERYWHERE if len(here) == len(platforms) else here)
        before = kept.get(one.spec.name)
        if before is None:
            kept[one.spec.name] = now
        elif (joined := _joined(before, now, len(platforms))) is not None:
            kept[one.spec.name] = joined
        elif (loose := _loosened(before, now, len(platforms))) is not None:
            kept[one.spec.name] = loose
            left.append(f"{shown}: other platforms differ, and one entry is for all: {loose.spec}")
        else:
            reason = f"a package stands once in a stack, and {before.spec} came first"
            left.append(f"{shown}: {reason}")
    several = len(imported.channels) > 1
    fields = {name: _fields(kept[name], several=several) for name in sorted(kept)}
    return fields, replace(imported, left_behind=tuple(left))


def _joined(one: CondaRequest, two: CondaRequest, count: int) -> CondaRequest | None:
    """Return what asks for both, None where one entry cannot."""
    if one.spec == two.spec and one.platforms and two.platforms:
        both = one.platforms | two.platforms
        return replace(one, platforms=EVERYWHERE if len(both) == count else both)
    if one.spec == two.spec:
        return replace(one, platforms=EVERYWHERE)
    if one.platforms != two.platforms or one.spec.channel != two.spec.channel:
        return None
    builds = {one.spec.build, two.spec.build} - {None}
    versions = list(dict.fromkeys(v for v in (one.spec.version, two.spec.version) if v != "*"))
    if len(builds) > 1 or (len(versions) > 1 and any("|" in v for v in versions)):
        return None
    version, build = ",".join(versions) or "*", next(iter(builds), None)
    return replace(one, spec=replace(one.spec, version=version, build=build))


def _loosened(one: CondaRequest, two: CondaRequest, count: int) -> CondaRequest | None:
    """Return what both meet, of requests for different platforms: a version of either."""
    if not (one.platforms and two.platforms) or one.platforms & two.platforms:
        return None
    versions = dict.fromkeys([*one.spec.version.split("|"), *two.spec.version.split("|")])
    spec = replace(
        one.spec,
        version="*" if "*" in versions else "|".join(versions),
        build=one.spec.build if one.spec.build == two.spec.build else None,
        channel=one.spec.channel if one.spec.channel == two.spec.channel else None,
    )
    both = one.platforms | two.platforms
    return replace(one, spec=spec, platforms=EVERYWHERE if len(both) == count else both)


def _fields(one: CondaRequest, *, several: bool) -> dict[str, object]:
    """Return an entry; where there is one channel, it goes without saying."""
    spec = one.spec if several else replace(one.spec, channel=None)
    fields: dict[str, object] = {"version": spec.version}
    if spec.channel is not None or one.platforms:
        fields |= {"build": spec.build} if spec.build else {}
        fields |= {"channel": spec.channel} if spec.channel else {}
        return fields | ({"platforms": sorted(map(str, one.platforms))} if one.platforms else {})
    return {"version": f"{spec.version} {spec.build}" if spec.build else spec.version}


def check_python(
    entries: Mapping[str, Mapping[str, object]], python: Iterable[PythonSeries]
) -> str | None:
    """Say that the Python asked for by hand is not the one of the file, None where it is."""
    asked = str(entries.get("python", {}).get("version", "*")).partition(" ")[0]
    for series in python:
        if series_of(asked, series) != series:
            return f"python {asked}: --python {series} was given"
    return None
