"""A cmsdist directory as the beginning of a stack: closed, and built from source."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lamina.stack.cmsdist.entry import PYTHON_PACKAGE, Mapped, map_package, name_on_index
from lamina.stack.cmsdist.lines import Choice, Line, choose_lines, read_lines
from lamina.stack.cmsdist.recipe import read_recipe, read_text
from lamina.stack.imported import Imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lamina.model.platforms import Platform, PythonSeries
    from lamina.stack.cmsdist.recipe import Directive

_REQUIREMENTS = "requirements.txt"
_PLACE = re.compile(r"([^:]+?)(?: line (\d+))?: ")


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What has been read so far."""

    directories: Sequence[Path]
    """Where files are looked for: the one with requirements.txt, and cmsdist itself."""
    left_behind: list[str] = field(default_factory=list)
    recipes: dict[str, list[Directive]] = field(default_factory=dict)
    """By the normalised name that cmsdist has."""


def requirements_of(path: Path) -> Path | None:
    """Return the requirements.txt of a directory that is laid out as cmsdist is, or its pip/."""
    below = path / "pip" / _REQUIREMENTS
    if below.is_file():
        return below
    here = path / _REQUIREMENTS
    others = ("*.file", f"{PYTHON_PACKAGE}*.spec", "cmsdist_packages.py")
    return here if here.is_file() and any(any(path.glob(one)) for one in others) else None


def read_cmsdist(
    requirements: Path, *, python: PythonSeries, platforms: Iterable[Platform]
) -> Imported:
    """Read a cmsdist directory by its requirements.txt.

    Raises DocumentError with every line that is neither a package nor a comment.
    """
    pip = requirements.parent
    directories = [pip.parent, pip] if pip.name == "pip" else [pip]
    reading = _Reading(directories=directories)
    left = reading.left_behind
    lines = read_lines(read_text(requirements, left), requirements, left)
    choices = choose_lines(lines, platforms, python, left)
    _read_recipes(reading, pip, {one.key for one in lines})
    lists = _read_specs(reading, choices)
    mapped = _map_all(reading, choices)
    names = {key: one.name for key, one in mapped.items()}
    _connect(reading, mapped, names)
    groups = {
        group: tuple(_members(needed, names, reading)) for group, needed in sorted(lists.items())
    }
    for one in mapped.values():
        left += one.left_behind
    if not mapped:
        left.append(f"{requirements.name}: no line of it is for this stack, which is empty")
    return Imported(
        left_behind=in_order(dict.fromkeys(left)),
        entries={one.name: one.fields for one in mapped.values()},
        hooks={one.name: one.hooks for one in mapped.values() if one.hooks},
        groups=groups,
        files={
            beside: path.read_bytes()
            for one in mapped.values()
            for beside, path in one.patches.items()
        },
        closed=True,
    )


def in_order(sentences: Iterable[str]) -> tuple[str, ...]:
    """Return what is said of files by their lines; the files in the order they are come to."""
    files: dict[str, int] = {}

    def place(sentence: str) -> tuple[int, int]:
        said = _PLACE.match(sentence)
        file, line = (said[1], int(said[2] or 0)) if said else ("", 0)
        return files.setdefault(file, len(files)), line

    return tuple(sorted(sentences, key=place))


def _read_recipes(reading: _Reading, pip: Path, listed: set[str]) -> None:
    """Read the file of each package; one without a line in requirements.txt is left behind."""
    for path in sorted([*pip.glob("*.file"), *pip.glob(f"{PYTHON_PACKAGE}*.spec")]):
        key = canonicalize_name(path.stem.removeprefix(PYTHON_PACKAGE))
        if key in listed:
            directives = read_recipe(path, reading.directories, reading.left_behind)
            reading.recipes.setdefault(key, []).extend(directives)
        elif path.suffix == ".file":
            reading.left_behind.append(f"{path.name}: no line of {_REQUIREMENTS} is about it")


def _read_specs(reading: _Reading, choices: dict[str, Choice]) -> dict[str, dict[str, str]]:
    """Add the packages that have a spec of their own; return the lists of packages, by group."""
    groups: dict[str, dict[str, str]] = {}
    for path in sorted({one for each in reading.directories for one in each.glob("*.spec")}):
        is_package = path.stem.startswith(PYTHON_PACKAGE)
        if not is_package and not re.search(r"python[-_]tools?", path.stem):
            continue
        key = canonicalize_name(path.stem.removeprefix(PYTHON_PACKAGE))
        if is_package and key in choices:
            if key not in reading.recipes:
                line = choices[key].line
                reading.left_behind.append(f"{path.name}: {line.where} has {line.name} already")
            continue
        directives = read_recipe(path, reading.directories, reading.left_behind)
        if is_package:
            _add_spec(path, directives, reading, choices)
        else:
            groups[key] = _list_of(directives, reading)
    return groups


def _add_spec(
    path: Path,
    directives: list[Directive],
    reading: _Reading,
    choices: dict[str, Choice],
) -> None:
    words = next((one.value.split() for one in directives if one.word == "RPM"), [])
    name = path.stem.removeprefix(PYTHON_PACKAGE)
    try:
        Version(words[2])
    except (IndexError, InvalidVersion):
        reading.left_behind.append(f"{path.name} line 1: no version of {name}")
        return
    line = Line(name=name, version=words[2], conditions=(), held=None, where=f"{path.name} line 1")
    choices[line.key] = Choice(line=line, platforms=())
    reading.recipes[line.key] = directives


def _list_of(directives: Iterable[Directive], reading: _Reading) -> dict[str, str]:
    """Return the packages that a list requires, with where; its other contents are left behind."""
    line = Line(name="list", version="0", conditions=(), held=None, where="")
    mapped = map_package(Choice(line=line, platforms=()), list(directives), reading.directories)
    reading.left_behind += mapped.left_behind
    return mapped.needs


def _map_all(reading: _Reading, choices: dict[str, Choice]) -> dict[str, Mapped]:
    mapped: dict[str, Mapped] = {}
    by_name: dict[str, str] = {}
    for key, choice in choices.items():
        directives = reading.recipes.get(key, [])
        name = name_on_index(choice.line.name, directives)
        first = by_name.setdefault(name, choice.line.where)
        if first != choice.line.where:
            reading.left_behind.append(
                f"{choice.line.where}: {choice.line}: {name} on the index, as {first} already"
            )
        else:
            mapped[key] = map_package(choice, directives, reading.directories)
    return mapped


def _connect(reading: _Reading, mapped: dict[str, Mapped], names: dict[str, str]) -> None:
    """Turn what packages require of each other into names on the index."""
    needs: dict[str, dict[str, str]] = {}
    for key, one in mapped.items():
        known: dict[str, str] = {}
        for needed, where in one.needs.items():
            if (other := canonicalize_name(needed)) in names:
                known[other] = where
            else:
                one.left_behind.append(
                    f"{where}: {PYTHON_PACKAGE}{needed}: there is no such package"
                )
        needs[key] = known
    _break_cycles(reading, needs)
    for key, one in mapped.items():
        required = sorted({names[other] for other in needs[key]} - {one.name})
        if required and "source" in one.fields:
            one.fields["requires"] = required
        elif required:
            where = ", ".join(dict.fromkeys(needs[key].values()))
            one.left_behind.append(
                f"{where}: Requires: of a wheel; {one.name} says itself what it needs"
            )


def _break_cycles(reading: _Reading, needs: dict[str, dict[str, str]]) -> None:
    """Leave out one requirement of each circle: nothing in it could be built first."""
    while True:
        try:
            TopologicalSorter({key: set(known) for key, known in needs.items()}).prepare()
        except CycleError as error:
            circle: list[Any] = error.args[1]
            needed, needing = circle[0], circle[1]
            where = needs[needing].pop(needed)
            reading.left_behind.append(
                f"{where}: {needing} requires {needed}: a circle, {' -> '.join(reversed(circle))}"
            )
        else:
            return


def _members(needed: dict[str, str], names: dict[str, str], reading: _Reading) -> list[str]:
    found = set()
    for one, where in needed.items():
        if (key := canonicalize_name(one)) in names:
            found.add(names[key])
        else:
            reading.left_behind.append(f"{where}: {PYTHON_PACKAGE}{one}: there is no such package")
    return sorted(found)
