"""Where a key stands in a TOML text."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_HEADER = re.compile(r"\s*(\[\[?.+?\]\]?)\s*(?:#.*)?")
_KEY = re.compile(r"\s*((?:[A-Za-z0-9_.\-\s]|\"[^\"]*\"|'[^']*')+?)\s*=")


class TomlLines:
    """The lines of the keys of one text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), start=1):
            if found := _HEADER.fullmatch(line):
                table = _path(found[1]) or table
                self._note(table, number)
            elif found := _KEY.match(line):
                self._note((*table, *_path(f"{found[1]} = 0")), number)

    def _note(self, path: tuple[str, ...], number: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], number)

    def line(self, *path: str) -> int:
        """Return the line of a key, counted from 1, or that of the nearest table above it."""
        for length in range(len(path), 0, -1):
            if (number := self._lines.get(path[:length])) is not None:
                return number
        return 1


def _path(text: str) -> tuple[str, ...]:
    """Return the keys of a header or of a dotted key; none for what is neither."""
    try:
        value: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        [(key, value)] = value.items()
        path.append(key)
        value = value[0] if isinstance(value, list) else value
    return tuple(path)
