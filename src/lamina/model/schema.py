"""The JSON Schema of a document, as editors and other programs read it beside a TOML file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamina.model.document import Document

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def dump_schema(model: type[Document], *, title: str) -> str:
    """Return the schema of what may stand in a file (not of the model), in canonical form.

    Without null, but where the file's name says that it is JSON.
    """
    schema = _plain(
        model.model_json_schema(by_alias=True, mode="validation"), null=title.endswith(".json")
    )
    whole = {"$schema": _DIALECT} | schema | {"title": title}
    return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _plain(schema: dict[str, Any], *, null: bool) -> dict[str, Any]:
    """Return a schema without made-up titles, and without null unless there may be some."""
    kept = {key: _each(key, value, null=null) for key, value in schema.items() if key != "title"}
    # The default of a table is the defaults of its fields.
    if "default" in kept and (kept["default"] is None or isinstance(kept["default"], dict)):
        del kept["default"]
    if "description" in kept:
        kept["description"] = kept["description"].replace("``", "`")
    if "anyOf" in kept and not null:  # TOML has none.
        some = [one for one in kept["anyOf"] if one != {"type": "null"}]
        kept |= some[0] if len(some) == 1 else {"anyOf": some}
        if len(some) == 1:
            del kept["anyOf"]
    return kept


def _each(key: str, value: Any, *, null: bool) -> Any:
    """Go into the schemas inside a schema; a property may well be called ``title``."""
    if key in {"properties", "$defs"}:
        return {name: _plain(one, null=null) for name, one in value.items()}
    if key in {"items", "additionalProperties"} and isinstance(value, dict):
        return _plain(value, null=null)
    if key == "anyOf":
        return [_plain(one, null=null) for one in value]
    return value
