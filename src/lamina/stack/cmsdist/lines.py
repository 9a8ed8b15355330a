"""The requirements.txt of a cmsdist directory, which is not pip's.

Spaces do not count, a line without ``==`` is a comment, conditions are prefixes (regular
expressions), and of several lines for one package the first that holds wins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.utils import canonicalize_name, is_normalized_name
from packaging.version import InvalidVersion, Version

from lamina.core.errors import DocumentError, Problem
from lamina.model.platforms import Platform, PythonSeries, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_CONDITION = re.compile(r"(platform_machine|sys_platform|os_name|cmsos_name)(==|!=)'([^']+)'")
_COMPARISON = re.compile(r"\w+ ?(?:[=!~]=|[<>])")
# ``#NO_AUTO_UPDATE:2: why``: for the next two packages; two hashes are documentation.
_HELD = re.compile(r"#\s*NO_AUTO_UPDATE\s*:\s*(?:(\d+)\s*(?::|$))?\s*(.*)")
_SYSTEMS = {"linux": "el8", "osx": "osx", "win": "win"}
"""What cmsdist calls an operating system; ``el8`` is the one with lamina's default glibc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: a package at a version, where its conditions hold."""

    name: str
    """As it is written: the names of other files have it so."""
    version: str
    conditions: tuple[str, ...]
    held: str | None
    """Why it stays at its version, None where it may move."""
    where: str

    @property
    def key(self) -> str:
        """Normalised name."""
        return canonicalize_name(self.name)

    def __str__(self) -> str:
        return " ; ".join([f"{self.name}=={self.version}", *self.conditions])

    def holds_for(self, target: Target) -> bool:
        """Tell whether all conditions hold; those that cmsdist does not know count for nothing."""
        environment = target.marker_environment()
        environment["cmsos_name"] = _SYSTEMS[target.platform.partition("-")[0]]
        return all(_holds(one, environment) is not False for one in self.conditions)

    def unknown_conditions(self) -> Iterator[str]:
        """Yield what says nothing to anybody."""
        environment = Target(Platform.LINUX_64, PythonSeries(3, 12)).marker_environment()
        environment["cmsos_name"] = _SYSTEMS["linux"]
        for one in self.conditions:
            if _holds(one, environment) is None:
                yield one


def _holds(condition: str, environment: Mapping[str, str]) -> bool | None:
    if found := _CONDITION.fullmatch(condition):
        matches = re.match(found[3], environment[found[1]]) is not None
        return matches == (found[2] == "==")
    try:
        # Older branches say which Python a line is for.
        return Marker(condition).evaluate(dict(environment))
    except (InvalidMarker, UndefinedEnvironmentName):
        return None


def read_lines(text: str, path: Path, left_behind: list[str]) -> list[Line]:
    """Return the lines of packages; raises DocumentError with every one that cannot be read."""
    lines: list[Line] = []
    problems: list[Problem] = []
    held: str | None = None
    remaining = 0
    for number, whole in enumerate(text.splitlines(), start=1):
        where = f"{path.name} line {number}"
        bare = whole.strip().replace(" ", "")
        if found := _HELD.fullmatch(whole.strip()):
            held, remaining = found[2] or "NO_AUTO_UPDATE", int(found[1] or 1)
        if not bare or bare.startswith("#"):
            continue
        if "==" not in bare:
            left_behind.append(f"{where}: {whole.strip()}: cmsdist passes over lines without ==")
            continue
        line = _line(whole, where, held if remaining else None)
        remaining = max(0, remaining - 1)
        if isinstance(line, Problem):
            problems.append(line)
        else:
            lines.append(line)
    if problems:
        raise DocumentError(path, problems)
    return lines


def _line(whole: str, where: str, held: str | None) -> Line | Problem:
    requirement, *asked = whole.split(";")
    requirement = requirement.strip().replace(" ", "")
    conditions = [one for text in asked for one in _conditions(text)]
    name, separator, version = requirement.partition("==")
    if "[" in name:
        bare = name.partition("[")[0]
        found = f"{requirement!r}: cmsdist has no extras"
        return Problem(where=where, found=found, allowed=f"write {bare}=={version}")
    if not separator or not is_normalized_name(canonicalize_name(name)):
        return Problem(where=where, found=f"{requirement!r}: no name of a package before ==")
    try:
        Version(version)
    except InvalidVersion:
        return Problem(where=where, found=f"{requirement!r}: {version!r} is not a PEP 440 version")
    for one in conditions:
        try:
            re.compile(one)
        except re.error as error:
            return Problem(where=where, found=f"{one!r}: {error}")
    return Line(name=name, version=version, conditions=tuple(conditions), held=held, where=where)


def _conditions(text: str) -> list[str]:
    """Return the conditions in a text that have to hold together: ``and`` is as good as ``;``."""
    text = " ".join(text.split())
    parts = text.split(" and ")
    if all(_COMPARISON.match(one) for one in parts) and " or " not in text:
        return [one.replace(" ", "") for one in parts]
    return [text] if text else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The line that counts for a package, and on which platforms."""

    line: Line
    platforms: tuple[Platform, ...]
    """Empty: on all."""


def choose_lines(
    lines: Iterable[Line],
    platforms: Iterable[Platform],
    series: PythonSeries,
    left_behind: list[str],
) -> dict[str, Choice]:
    """Return the one line of each package, by normalised name.

    An entry of [packages] has one version: where platforms differ, that of the first platform is
    taken, for the platforms that share it, and the others are left behind.
    """
    every = tuple(platforms)
    by_key: dict[str, list[Line]] = {}
    for line in lines:
        by_key.setdefault(line.key, []).append(line)
        left_behind += [
            f"{line.where}: the condition {one!r} of {line.name} says nothing, here as in cmsdist;"
            " the line counts without it"
            for one in line.unknown_conditions()
        ]
    if asked := [one for many in by_key.values() for one in many if "cmsos_name" in str(one)]:
        left_behind.append(
            f"{asked[0].where}: cmsos_name: of several systems of Linux, {_SYSTEMS['linux']} counts"
        )
    chosen: dict[str, Choice] = {}
    for key, many in by_key.items():
        winners = {
            platform: winner
            for platform in every
            if (winner := _first(many, Target(platform, series))) is not None
        }
        choice = _choice(winners, every)
        if choice is not None:
            chosen[key] = choice
        left_behind += _passed_over(many, winners, choice, [Target(one, series) for one in every])
    return chosen


def _first(lines: Iterable[Line], target: Target) -> Line | None:
    return next((one for one in lines if one.holds_for(target)), None)


def _choice(winners: Mapping[Platform, Line], every: tuple[Platform, ...]) -> Choice | None:
    if not winners:
        return None
    first = next(iter(winners.values()))
    shared = tuple(one for one, line in winners.items() if line.version == first.version)
    return Choice(line=first, platforms=() if shared == every else shared)


def _passed_over(
    lines: Iterable[Line],
    winners: Mapping[Platform, Line],
    choice: Choice | None,
    targets: Sequence[Target],
) -> Iterator[str]:
    for line in lines:
        on = [str(platform) for platform, winner in winners.items() if winner == line]
        if choice is not None and line.version == choice.line.version and on:
            continue
        if choice is not None and on:
            came = f"{choice.line.name}=={choice.line.version} ({choice.line.where}) came first"
            yield (
                f"{line.where}: {line}: for {', '.join(on)}; a package stands once in a stack,"
                f" and {came}"
            )
        elif choice is not None and line.name != choice.line.name:
            yield (
                f"{line.where}: {line}: the same package as {choice.line.name}"
                f" ({choice.line.where})"
            )
        elif choice is not None and not line.conditions:
            yield f"{line.where}: {line}: an earlier line counts ({choice.line.where})"
        else:
            yield f"{line.where}: {line}: {_why_not(line, targets)}"


def _why_not(line: Line, targets: Sequence[Target]) -> str:
    """Return what a line is not for: the Python of the stack, where it is for a platform of it."""
    of_platform = replace(
        line, conditions=tuple(one for one in line.conditions if "python" not in one)
    )
    if of_platform != line and any(map(of_platform.holds_for, targets)):
        return f"not for Python {targets[0].python}"
    return "not for the platforms of this stack"
