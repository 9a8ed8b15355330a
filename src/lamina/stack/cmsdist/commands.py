"""Commands with the macros of RPM, as commands of a shell."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name, is_normalized_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MACRO = re.compile(r"%%|%\{(?P<braced>[^{}]*)\}|%(?P<bare>[A-Za-z_]\w*)|%\((?P<shell>[^()]*)\)")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_DEPTH = 10
_OF_CMSDIST = re.compile(r"\w+_(?:ROOT|VERSION|OPT)|PYTHON3\w*|PIPFILE|RPM_\w+")


def expand(text: str, macros: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return a text without macros, and those that have no meaning here."""
    unknown: dict[str, None] = {}

    def value(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        name = found["braced"] or found["bare"] or ""
        if name in macros:
            return macros[name]
        if not found["bare"]:  # a mere %word may belong to the command, as of date
            unknown[found[0]] = None
        return found[0]

    for _ in range(_DEPTH):
        unknown.clear()
        text, before = _MACRO.sub(value, text), text
        if text == before:
            break
    return text, tuple(unknown)


def foreign_variables(text: str) -> list[str]:
    """Return the variables in a command that only the other packages of cmsdist set."""
    return sorted({one for one in _VARIABLE.findall(text) if _OF_CMSDIST.fullmatch(one)})


def exports_of(text: str) -> list[tuple[str, str]] | None:
    """Return the variables of commands that do nothing but export; None when they do more.

    ``export NAME`` alone says nothing to a process of its own and is left out.
    """
    found: list[tuple[str, str]] = []
    try:
        commands = list(_commands(text, ";&\n"))
    except ValueError:
        return None
    for words in commands:
        if words[0] != "export":
            return None
        for word in words[1:]:
            name, is_set, value = word.partition("=")
            if word == "export":
                continue
            if not name.isidentifier():
                return None
            if is_set:
                found.append((name, value))
    return found


def waived_by(text: str) -> list[str] | None:
    """Return the dependencies that a filter of ``grep -v`` takes out; None for other filters."""
    names: list[str] = []
    try:
        commands = list(_commands(text, "|"))
    except ValueError:
        return None
    for program, *words in commands:
        options = [one for one in words if one.startswith("-")]
        if program != "grep" or not any("v" in one for one in options):
            return None
        for word in words:
            if word not in options:
                names += [_bare_name(one) for one in re.split(r"\\?\|", word)]
    return names if names and all(map(is_normalized_name, names)) else None


def _bare_name(pattern: str) -> str:
    return canonicalize_name(pattern.strip("^$ ").removeprefix("py3-"))


def _commands(text: str, separators: str) -> Iterator[list[str]]:
    """Yield the words of each command; raises ValueError on quotes that do not end."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=separators)
    lexer.whitespace = " \t\r" if "\n" in separators else lexer.whitespace
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in lexer:
        if word and set(word) <= set(separators):
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words
