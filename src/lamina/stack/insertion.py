"""Put a new key where a person would: after the last key of its table, before what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import Comment, InlineTable, Table

from lamina.stack.entries import write_value

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def insert_key(table: MutableMapping[str, Any], key: str, value: Any) -> Any:
    """Add a key to a table, of a tomlkit document or a plain one; return its new value."""
    if isinstance(table, Table):
        _insert_into(table, key, new_value(table, value))
    elif isinstance(table, tomlkit.TOMLDocument):
        _append_table(table, key, value)
    else:
        table[key] = new_value(table, value)
    return table[key]


def new_value(table: MutableMapping[str, Any], value: Any) -> Any:
    """Return a value in the form that suits ``table``: tables become inline ones."""
    if isinstance(table, dict) and not isinstance(table, Container | Table | InlineTable):
        return value
    return tomlkit.value(write_value(value))


def _append_table(document: tomlkit.TOMLDocument, key: str, value: dict[str, Any]) -> None:
    if document.body and not document.as_string().endswith("\n\n"):
        if not document.as_string().endswith("\n"):
            document.add(tomlkit.nl())
        document.add(tomlkit.nl())
    document.append(key, tomlkit.table())
    document[key].update(value)


def _insert_into(table: Table, key: str, value: Any) -> None:
    """Insert after the last plain key, or after the first comment lines of a table without any."""
    body = table.value.body
    last = next(
        (k for k, item in reversed(body) if k is not None and not isinstance(item, Table)), None
    )
    if last is not None:
        table.value._insert_after(last, key, value)  # noqa: SLF001
        return
    position = 0
    while position < len(body) and isinstance(body[position][1], Comment):
        position += 1
    if position == len(body):
        table.append(key, value)
        return
    table.value._insert_at(position, key, value)  # noqa: SLF001
