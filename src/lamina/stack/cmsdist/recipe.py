"""The ``NAME.file`` and ``NAME.spec`` of a cmsdist directory, taken apart into directives."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_DEFINE = re.compile(r"%(?:define|global)\s+(\w+)\s*(.*)", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z]+\d*):\s*(.*)")
_UNLESS = re.compile(r"%\{!\?\w+:(.*)\}")
_SECTION = re.compile(r"%(prep|build|install|post|postun|pre|preun|files|check|clean)\b.*")
_MARK = re.compile(r"##+\s*(INCLUDE|INITENV|IMPORT|RPM|NOCOMPILER|REVISION)\b\s*(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """One thing that a file says."""

    word: str
    """Such as ``Requires``, ``Patch0``, or the name after ``%define``; empty: cannot be read."""
    value: str
    where: str


@dataclass(slots=True)
class _Reading:
    directories: Sequence[Path]
    left_behind: list[str]
    directives: list[Directive] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)


def read_text(path: Path, left_behind: list[str]) -> str:
    """Return the text of a file; one that is not UTF-8 is read as Latin-1, and that is said."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        left_behind.append(f"{path.name} line {line}: not UTF-8; read as Latin-1")
        return content.decode("latin-1")


def read_recipe(path: Path, directories: Sequence[Path], left_behind: list[str]) -> list[Directive]:
    """Return what a file says, with what it includes, in order."""
    reading = _Reading(directories, left_behind)
    _read(path, reading)
    return reading.directives


def _read(path: Path, reading: _Reading) -> None:
    if path in reading.seen:
        return
    reading.seen.add(path)
    lines = read_text(path, reading.left_behind).splitlines()
    number = 0
    while number < len(lines):
        start = number
        end = _end_of(lines, start)
        whole = "\n".join(one.removesuffix("\\").rstrip() for one in lines[start:end])
        _take(whole.strip(), f"{path.name} line {start + 1}", reading)
        number = end


def _end_of(lines: Sequence[str], start: int) -> int:
    """Return the line after what begins at one: a block of %if, a section, a continued line."""
    first = lines[start].strip()
    if first.startswith("%if"):
        depth = 0
        for number in range(start, len(lines)):
            word = lines[number].strip()
            depth += word.startswith("%if") - word.startswith("%endif")
            if not depth:
                return number + 1
        return len(lines)
    if _SECTION.fullmatch(first):
        return len(lines)
    number = start
    while number + 1 < len(lines) and lines[number].endswith("\\") and first[:1] != "#":
        number += 1
    return number + 1


def _take(text: str, where: str, reading: _Reading) -> None:
    if mark := _MARK.fullmatch(text):
        if mark[1] == "INCLUDE":
            _include(mark[2].strip(), where, reading)
        else:
            _add(mark[1], mark[2], where, reading)
    elif not text or text.startswith("#"):
        return
    elif unless := _UNLESS.fullmatch(text):
        _take(unless[1].strip(), where, reading)
    elif define := _DEFINE.fullmatch(text):
        # In the body of a macro two backslashes are one.
        _add(define[1], define[2].strip().replace("\\\\", "\\"), where, reading)
    elif found := _FIELD.fullmatch(text):
        _add(found[1], found[2].strip(), where, reading)
    elif text.startswith("%"):
        _add(text.split(maxsplit=1)[0], text, where, reading)
    else:
        _add("", text, where, reading)


def _add(word: str, value: str, where: str, reading: _Reading) -> None:
    reading.directives.append(Directive(word=word, value=value, where=where))


def _include(name: str, where: str, reading: _Reading) -> None:
    path = find_below(reading.directories, [f"{name}.file", f"{name}.spec"])
    if path is None:
        reading.left_behind.append(f"{where}: INCLUDE {name}: no such file")
    else:
        _read(path, reading)


def find_below(directories: Iterable[Path], names: Iterable[str]) -> Path | None:
    """Return the first of some files that is there, and not outside of its directory."""
    wanted = list(names)
    for directory in directories:
        for name in wanted:
            path = directory / name
            if path.is_file() and path.resolve().is_relative_to(directory.resolve()):
                return path
    return None
