"""The pieces that canonical TOML is written with; apart from pydantic, which costs a start."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def toml_text(value: object) -> str:
    """Return a TOML basic string; JSON's escapes are a subset of TOML's but for DEL."""
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_value(value: object) -> str:
    """Return a string, an array of strings, or an inline table of strings."""
    if isinstance(value, tuple):
        return toml_texts(value)
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {toml_text(one)}' for name, one in value.items())} }}"
    return toml_text(value)


def toml_texts(values: Iterable[object]) -> str:
    """Return an array of strings on one line, in the order given."""
    return f"[{', '.join(map(toml_text, values))}]"
