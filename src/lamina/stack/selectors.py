"""Selectors: on which platforms a line of a conda file counts, as in ``- gxx  # [linux64]``."""

from __future__ import annotations

import ast
import re

from lamina.model.platforms import Platform

_COMMENT = re.compile(r"(?:^|\s)#\s*\[(?P<expression>[^\]]+)\]\s*$")
_LINUX = frozenset({Platform.LINUX_64, Platform.LINUX_AARCH64})
_OSX = frozenset({Platform.OSX_64, Platform.OSX_ARM64})
_WIN = frozenset({Platform.WIN_64})
_ALL = frozenset(Platform)
_WORDS: dict[str, frozenset[Platform]] = {
    "linux": _LINUX, "osx": _OSX, "win": _WIN, "unix": _LINUX | _OSX,
    "linux64": frozenset({Platform.LINUX_64}), "aarch64": frozenset({Platform.LINUX_AARCH64}),
    "arm64": frozenset({Platform.OSX_ARM64}), "win64": _WIN,
    "x86_64": frozenset({Platform.LINUX_64, Platform.OSX_64, Platform.WIN_64}),
    "x86": frozenset({Platform.LINUX_64, Platform.OSX_64, Platform.WIN_64}),
    "linux32": frozenset(), "win32": frozenset(), "ppc64le": frozenset(), "s390x": frozenset(),
    "armv6l": frozenset(), "armv7l": frozenset(), "riscv64": frozenset(),
    "True": _ALL, "False": frozenset(),
}  # fmt: skip
_WORDS |= {str(one): frozenset({one}) for one in Platform}
_WORDS["linux-32"] = _WORDS["win-32"] = frozenset()


def selectors_of(text: str) -> dict[int, str]:
    """Return the selector of each line that has one, by line number."""
    found = ((i, _COMMENT.search(line)) for i, line in enumerate(text.splitlines(), start=1))
    return {number: one["expression"].strip() for number, one in found if one}


def selected_platforms(expression: str) -> frozenset[Platform]:
    """Return the platforms on which a selector holds; raises ValueError for one it cannot read."""
    if (known := _WORDS.get(expression)) is not None:
        return known
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"# [{expression}] is not a selector") from None
    return _evaluate(tree.body, expression)


def _evaluate(node: ast.expr, expression: str) -> frozenset[Platform]:
    match node:
        case ast.BoolOp(op=ast.And()):
            return frozenset.intersection(*(_evaluate(one, expression) for one in node.values))
        case ast.BoolOp():
            return frozenset.union(*(_evaluate(one, expression) for one in node.values))
        case ast.UnaryOp(op=ast.Not()):
            return _ALL - _evaluate(node.operand, expression)
        case ast.Name(id=word) if word in _WORDS:
            return _WORDS[word]
        case ast.Constant(value=bool()):
            return _WORDS[str(node.value)]
        case _:
            raise ValueError(f"# [{expression}]: lamina reads the names of platforms only")
