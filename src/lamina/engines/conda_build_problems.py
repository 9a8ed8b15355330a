"""Where in a recipe the problem is that the build engine names by its last key only."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from lamina.core.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNKNOWN = re.compile(r"unknown (?:field|key)s? [`'\"]?([A-Za-z0-9_.-]+)")
_PARENT = re.compile(r"(?:invalid value for|in) [`'\"]([A-Za-z0-9_.-]+)")
_PLACE = re.compile(r"(\d+):(\d+): ")
_RENDERING = re.compile(r'message: "(?P<what>.*?)", span: .*?line: (?P<line>\d+), column: (\d+)')
_KEYS = (
    "about", "build", "cache", "content", "context", "description", "documentation",
    "dynamic_linking", "entry_points", "env", "extra", "files", "homepage", "host",
    "ignore_run_exports", "imports", "interpreter", "license", "license_file", "name", "noarch",
    "number", "outputs", "package", "package_contents", "patches", "path", "pip_check", "python",
    "recipe", "repository", "requirements", "run", "run_constraints", "run_exports",
    "schema_version", "script", "sha256", "skip", "source", "staging", "string", "strong",
    "summary", "target_directory", "tests", "url", "variant", "version", "weak",
)  # fmt: skip


def problem_in(recipe: str, message: str) -> Problem:
    """Return a problem with the dotted path and the line of what the engine complains of."""
    if told := _RENDERING.search(message):
        found = told["what"].replace("\\n", " ").replace('\\"', '"')
        return Problem(where=f"line {told['line']}, column {told[3]}", found=found)
    if place := _PLACE.search(message):
        found = message[place.end() :].strip()
        return Problem(where=f"line {place[1]}, column {place[2]}", found=found)
    unknown, parent = _UNKNOWN.search(message), _PARENT.search(message)
    key = unknown[1] if unknown else parent[1] if parent else ""
    text = Path(recipe).read_text(encoding="utf-8", errors="replace")
    where = _where(text, key, parent[1] if unknown and parent else "")
    near = difflib.get_close_matches(key, _KEYS, n=1) if unknown else []
    return Problem(where=where, found=message.strip(), suggestion=near[0] if near else "")


def _where(text: str, key: str, parent: str) -> str:
    """Return ``build.skript (line 4)``; empty where the key is not found."""
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return ""
    found = [one for one in _keys(document, ()) if one[0][-1] == key]
    inside = [one for one in found if parent in one[0]] if parent else []
    for path, line in inside or found:
        return f"{'.'.join(path)} (line {line})"
    return ""


def _keys(node: yaml.Node | None, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield every key of a document by its path, with its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            yield below, key.start_mark.line + 1
            yield from _keys(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _keys(value, (*path, str(number)))
