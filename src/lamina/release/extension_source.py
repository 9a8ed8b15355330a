"""Read what an extension says of itself from its source, without running any of it."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

KEYS = frozenset({"priority", "extends", "setups", "default_setup", "primary_extension"})
"""What is read; the last three are DIRAC's."""


def read_source(site: Path, value: str) -> dict[str, Any] | None:
    """Return what the object of an entry point says; None where only running it can tell.

    ``value`` is ``module`` or ``module:object``. Read are assignments in a module or in a class
    without bases, a dictionary, and a function that does nothing but return one.
    """
    name, _, attribute = value.partition(":")
    tree = _parse(site, name.strip())
    attribute = attribute.partition("[")[0].strip()
    if tree is None:
        return None
    if not attribute:
        return _assigned(tree.body)
    found = [node for node in tree.body if attribute in _names_of(node)]
    return _told(found[0]) if len(found) == 1 else None


def _parse(site: Path, module: str) -> ast.Module | None:
    place = site.joinpath(*module.split("."))
    for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        try:
            return ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
    return None


def _names_of(node: ast.stmt) -> set[str]:
    """Return the names that a statement may give a value to; ``*`` may be any."""
    names = set()
    for one in ast.walk(node):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(one.name)
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            names.add(one.id)
        elif isinstance(one, ast.alias):
            names.add((one.asname or one.name).partition(".")[0])
    return names


def _told(node: ast.stmt) -> dict[str, Any] | None:
    match node:
        case ast.FunctionDef(decorator_list=[], body=body):
            done = [one for one in body if not _does_nothing(one)]
            if len(done) == 1 and isinstance(done[0], ast.Return):
                return _dictionary(done[0].value)
        case ast.ClassDef(bases=[], keywords=[], decorator_list=[], body=body):
            return _assigned(body)
        case ast.Assign(value=value) | ast.AnnAssign(value=value):
            return _dictionary(value)
    return None


def _does_nothing(node: ast.stmt) -> bool:
    """Tell whether a statement is a docstring or an import, which change nothing of the answer."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return text or isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)


def _dictionary(node: ast.expr | None) -> dict[str, Any] | None:
    """Return the keys of a dictionary that count; None when one of them is computed."""
    if not isinstance(node, ast.Dict):
        return None
    pairs = zip(node.keys, node.values, strict=True)
    found = {}
    for key, value in pairs:
        if not isinstance(key, ast.Constant):
            return None
        found[key.value] = value
    return _literals({key: found[key] for key in KEYS & found.keys()})


def _assigned(body: Iterable[ast.stmt]) -> dict[str, Any] | None:
    """Return the names of a module or class that count; None when one of them is computed."""
    found: dict[str, ast.expr | None] = {}
    for node in body:
        names = _names_of(node)
        if "*" in names:
            return None
        for key in KEYS & names:
            plain = isinstance(node, ast.Assign | ast.AnnAssign) and key not in found
            found[key] = node.value if plain else None  # type: ignore[attr-defined]
    return _literals(found)


def _literals(found: Mapping[str, ast.expr | None]) -> dict[str, Any] | None:
    """Return the values; None when one is computed, or of no kind that JSON has."""
    values = {}
    for key, node in found.items():
        if node is None:
            return None
        try:
            values[key] = ast.literal_eval(node)
            json.dumps(values[key])
        except (ValueError, TypeError):
            return None
    return values
