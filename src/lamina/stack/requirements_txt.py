"""Read pip's requirements files: https://pip.pypa.io/en/stable/reference/requirements-file-format/."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

from lamina.core.errors import DocumentError, Problem
from lamina.core.run import redact
from lamina.model.document import read_document
from lamina.stack.git_references import name_in, without_address
from lamina.stack.imported import Imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_OPTION = re.compile(r"(?P<name>--?[A-Za-z][a-z-]*)[=\s]*(?P<value>.*)")
_INCLUDE = {"-r", "--requirement"}
_CONSTRAINT = {"-c", "--constraint"}
_EDITABLE = {"-e", "--editable"}
# Options that stand behind a requirement.
_TRAILING = re.compile(r"\s--?[A-Za-z]")
_ADDRESS = re.compile(r"[a-z+]+://|\.{0,2}/|(?!.* @ ).*\.(?:whl|zip|tar\.gz)$")


@dataclass(slots=True)
class _Reading:
    """What has been read so far, over all files."""

    requirements: list[Requirement] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)
    hashes: int = 0
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of packages that come from a git repository."""


def read_requirements(path: Path) -> Imported:
    """Read a requirements file and those it includes.

    Raises DocumentError with every line that is neither a requirement nor an option.
    """
    reading = _Reading()
    _read_file(path, reading)
    return _imported(path, reading)


def read_requirement_lines(path: Path, lines: Iterable[tuple[int, str]]) -> Imported:
    """Read lines of a requirements file, with their numbers, that stand in another file.

    What they include begins at the directory of ``path``. Raises as ``read_requirements``.
    """
    reading = _Reading()
    _read_lines(path, lines, reading)
    return _imported(path, reading)


def _imported(path: Path, reading: _Reading) -> Imported:
    if reading.problems:
        raise DocumentError(path, reading.problems)
    left = list(reading.left_behind)
    if reading.hashes:
        left.append(f"{reading.hashes} hashes: lamina.lock will have the index's own")
    return Imported(
        requirements=tuple(reading.requirements),
        left_behind=tuple(left),
        repositories=reading.repositories,
    )


def _read_file(path: Path, reading: _Reading) -> None:
    if path.resolve() in reading.seen:
        return
    reading.seen.add(path.resolve())
    _read_lines(path, _logical_lines(read_document(path).removeprefix("\ufeff")), reading)


def _read_lines(path: Path, lines: Iterable[tuple[int, str]], reading: _Reading) -> None:
    for number, line in lines:
        where = f"{path.name} line {number}"
        if line.startswith("-"):
            _read_option(line, where, path, reading)
        else:
            _read_requirement(line, where, reading)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, comments removed and continued lines joined."""
    start, whole = 0, ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        start = start or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            whole += line[:-1] + " "
            continue
        whole = re.sub(r"(^|\s+)#.*$", "", whole + line).strip()
        if whole:
            yield start, whole
        start, whole = 0, ""


def _read_option(line: str, where: str, path: Path, reading: _Reading) -> None:
    found = _OPTION.fullmatch(line)
    name, value = (found["name"], found["value"].strip()) if found else (line, "")
    if re.match(r"-[rce][^\s=-]", line):
        name, value = line[:2], line[2:].strip()
    shown = redact(f"{name} {value}".strip())
    if name in _INCLUDE:
        _include(value, where, path, reading)
    elif name in _CONSTRAINT:
        reading.left_behind.append(f"{where}: {shown}: constraints; put them into [packages]")
    elif name in _EDITABLE and value.startswith("git+"):
        reading.left_behind.append(f"{where}: {shown}: not editable, but built as others are")
        _read_requirement(value, where, reading)
    elif name in _EDITABLE:
        reading.left_behind.append(f"{where}: {shown}: a working copy, not a package of an index")
    elif re.search(r"index|find-links|^-[if]$|trusted-host", name):
        reading.left_behind.append(
            f"{where}: {shown}: packages come from the index of this machine, others are named in"
            " [resolve] indexes"
        )
    else:
        reading.left_behind.append(f"{where}: {shown}: an option of pip")


def _include(value: str, where: str, path: Path, reading: _Reading) -> None:
    name = " ".join(shlex.split(value, comments=False)) if value else ""
    if re.match(r"[a-z]+://", name):
        reading.left_behind.append(f"{where}: -r {redact(name)}: not a file of this machine")
    elif name and (path.parent / name).is_file():
        _read_file(path.parent / name, reading)
    else:
        reading.problems.append(Problem(where=where, found=f"-r {name}: no such file"))


def _read_requirement(line: str, where: str, reading: _Reading) -> None:
    bare = _TRAILING.split(line, maxsplit=1)[0].strip()
    reading.hashes += len(re.findall(r"--hash\b", line))
    if others := set(re.findall(r"\s(--?[A-Za-z][a-z-]*)", line)) - {"--hash"}:
        reading.left_behind.append(f"{where}: {', '.join(sorted(others))}: an option of pip")
    if bare.startswith("git+") and (name := name_in(bare)):
        bare = f"{name} @ {bare}"
    if _ADDRESS.match(bare):
        reading.left_behind.append(f"{where}: {redact(bare)}: not a package of an index")
        return
    try:
        requirement = Requirement(bare)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        reading.problems.append(Problem(where=where, found=f"{redact(bare)!r}: {reason}"))
        return
    try:
        name, fields = without_address(requirement)
    except ValueError as error:
        reading.left_behind.append(f"{where}: {redact(bare)}: {error}")
        return
    if fields is not None:
        reading.repositories[name] = fields
    if requirement.url:
        reading.left_behind.append(f"{where}: {redact(bare)}: not a package of an index")
    else:
        reading.requirements.append(requirement)
