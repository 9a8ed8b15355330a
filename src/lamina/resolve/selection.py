"""Which file of a package a target gets: the wheel with the best tag, or the sources."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from packaging.tags import parse_tag

from lamina.model.platforms import Platform, PythonSeries, SystemFloor, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.stack.document import Stack


def system_floor(stack: Stack) -> SystemFloor:
    """Return the oldest systems that the stack's wheels may need."""
    return SystemFloor(glibc=stack.resolve.glibc, macos=stack.resolve.macos)


@cache
def _ranks(target: Target, floor: SystemFloor) -> Mapping[str, int]:
    ranks: dict[str, int] = {}
    for rank, tag in enumerate(target.wheel_tags(floor)):
        ranks.setdefault(str(tag), rank)
    return ranks


@cache
def _tags(filename: str) -> tuple[frozenset[str], tuple[int, str]]:
    """Return a wheel's tags, and its build number, which wins among wheels of the same tag."""
    parts = filename.removesuffix(".whl").split("-")
    tags = frozenset(str(tag) for tag in parse_tag("-".join(parts[-3:])))
    build = parts[2] if len(parts) == 6 else ""
    digits = build[: len(build) - len(build.lstrip("0123456789"))]
    return tags, (int(digits or 0), build)


def choose_wheel(filenames: Iterable[str], target: Target, floor: SystemFloor) -> str | None:
    """Return the wheel that an installer for the target prefers, None where none installs."""
    ranks = _ranks(target, floor)
    fitting: list[tuple[int, tuple[int, str], str]] = []
    for filename in filenames:
        tags, build = _tags(filename)
        found = [ranks[tag] for tag in tags if tag in ranks]
        if found:
            fitting.append((-min(found), build, filename))
    return max(fitting)[2] if fitting else None


def tags_of(filename: str) -> frozenset[str] | None:
    """Return the tags in a wheel's file name, None of sources."""
    return _tags(filename)[0] if filename.endswith(".whl") else None


def install_there(tags: Iterable[str], target: Target, floor: SystemFloor) -> bool:
    """Tell whether a wheel with any of these tags installs on a target."""
    ranks = _ranks(target, floor)
    return any(one in ranks for one in tags)


def fit_the_platform(tags: Iterable[str], target: Target, floor: SystemFloor) -> bool:
    """Tell whether a wheel is for a target's platform, whatever Python it is for."""
    there = {tag.rpartition("-")[2] for tag in _ranks(target, floor)}
    return any(one.rpartition("-")[2] in there for one in tags)


def installable_targets(filenames: Iterable[str], series: Iterable[PythonSeries]) -> list[Target]:
    """Return for which platforms any of the wheels is made, on any reasonably new system."""
    names = list(filenames)
    newest = SystemFloor(glibc=(2, 50), macos=(27, 0))
    return [
        target
        for platform in Platform
        for one in series
        if choose_wheel(names, target := Target(platform, one), newest)
    ]
