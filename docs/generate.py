"""Write the reference pages that are made from the code: commands, documents, exit codes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lamina.cli.app import COMMANDS, cli
from lamina.core.errors import exit_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.model.document import Document

REFERENCE = Path(__file__).parent / "reference"
DOCUMENTS = {
    "stack": ("lamina.stack.document:Stack", "The stack: lamina.toml", "lamina"),
    "build-lock": (
        "lamina.build.wheels.document:BuildLock",
        "What builds are made with: lamina-build.lock",
        "lamina-build.lock",
    ),
    "lock": ("lamina.lock.document:Lock", "The lock: lamina.lock", "lamina.lock"),
    "release": ("lamina.release.manifest:Manifest", "A release: .lamina/release.toml", ""),
    "layer": ("lamina.layer.document:LayerDocument", "A layer: lamina-layer.toml", ""),
    "pack": ("lamina.export.document:Pack", "A pack: .lamina/pack.json", "pack"),
    "prefixes": (
        "lamina.export.document:Prefixes",
        "Prefixes in a pack: .lamina/prefixes.json",
        "prefixes",
    ),
    "paper-lock": (
        "lamina.layer.paper.document:PaperLock",
        "A paper lock: lamina layer lock",
        "paper-lock",
    ),
    "layer-lock": ("lamina.layer.document:LayerLock", "A layer's lock: lamina-layer.lock", ""),
}
"""The page of each document: its model, its title, the name of its JSON Schema."""


def write_reference() -> None:
    """Write every generated page, touching only those that changed."""
    pages = {
        "command-line.md": command_line_page(),
        "exit-codes.md": exit_codes_page(),
    }
    for name, (place, title, schema) in DOCUMENTS.items():
        pages[f"documents/{name}.md"] = document_page(load(place), title, schema)
    for name, text in pages.items():
        path = REFERENCE / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def command_line_page() -> str:
    """Return every command with its usage, text, arguments and options."""
    lines = ["# Command line", "", click_text(cli.help), ""]
    lines += ["Names and options are spelt alike everywhere. Results go to standard output, all"]
    lines += [
        "else to standard error; `--json` prints one JSON object. A command that fails has its"
    ]
    lines += [
        "message on standard error, with `--json` too; `check` and `release verify` print what they"
    ]
    lines += ["found in any case. See also [](exit-codes.md)."]
    for name, (place, _) in COMMANDS.items():
        lines += ["", *command_lines(load(place), f"lamina {name}", level=2)]
    return "\n".join(lines) + "\n"


def load(place: str) -> Any:
    """Import ``module:attribute``."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def command_lines(command: click.Command, path: str, *, level: int) -> Iterator[str]:
    """Yield the section of a command, then those of the commands in it."""
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f"{'#' * level} `{path}`", "", click_text(command.help), "")
    yield from ("```text", f"{path} {usage}", "```", "")
    options = [one for one in command.params if isinstance(one, click.Option)]
    shown = [record for one in options if (record := one.get_help_record(context))]
    if shown:
        yield from ("| option | meaning |", "|---|---|")
        for names, text in sorted(shown):
            yield f"| `{cell(names)}` | {cell(text)} |"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from ("", *command_lines(inner, f"{path} {name}", level=level + 1))


def click_text(text: str | None) -> str:
    """Return a help text without click's marks for paragraphs that must not be wrapped."""
    plain = (text or "").replace("\b\n", "").strip()
    return "\n".join(line.strip() for line in plain.splitlines())


def exit_codes_page() -> str:
    """Return the table of exit codes."""
    lines = ["# Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {cell(meaning)} |" for code, meaning in sorted(exit_codes().items())]
    return "\n".join(lines) + "\n"


def document_page(model: type[Document], title: str, schema_name: str) -> str:
    """Return a page with a table for each table of a document."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    lines = [f"# {title}", "", schema["description"]]
    if (REFERENCE / f"{schema_name}.schema.json").exists():
        file = f"{schema_name}.schema.json"
        lines += ["", f"As a JSON Schema, for editors: {{download}}`{file} <../{file}>`."]
    lines += table_lines(schema, schema.get("$defs", {}), path="")
    return "\n".join(lines) + "\n"


def table_lines(table: dict[str, Any], tables: dict[str, Any], *, path: str) -> Iterator[str]:
    """Yield the section of a table, then those of the tables in it."""
    fields: dict[str, Any] = table["properties"]
    if path:
        yield from ("", f"## `{path}`", "", table.get("description", ""))
    yield from ("", "| key | value | default | meaning |", "|---|---|---|---|")
    required = table.get("required", [])
    for key, field in fields.items():
        default = "required" if key in required else code(field.get("default"))
        meaning = cell(field.get("description") or target_of(field, tables)["description"])
        yield f"| `{key}` | {cell(kind(field, tables))} | {default} | {meaning} |"
    for key, field in fields.items():
        for inner, suffix in tables_in(field, tables):
            yield from table_lines(inner, tables, path=f"{path}.{key}{suffix}".lstrip("."))


def target_of(field: dict[str, Any], tables: dict[str, Any]) -> dict[str, Any]:
    """Return what a field refers to; its description is left out where it is the same."""
    target: dict[str, Any] = tables[field["$ref"].rpartition("/")[2]]
    return target


def tables_in(
    field: dict[str, Any], tables: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the tables that a field may hold, with what stands behind its key."""
    if "$ref" in field:
        target = target_of(field, tables)
        if "properties" in target:
            yield target, ""
    for one in (*field.get("anyOf", ()), *field.get("allOf", ())):
        yield from tables_in(one, tables)
    if isinstance(field.get("items"), dict):
        yield from ((table, f"[]{rest}") for table, rest in tables_in(field["items"], tables))
    if isinstance(values := field.get("additionalProperties"), dict):
        yield from ((table, f".NAME{rest}") for table, rest in tables_in(values, tables))


def kind(field: dict[str, Any], tables: dict[str, Any]) -> str:
    """Return what a field holds, in words."""
    if "$ref" in field:
        target = target_of(field, tables)
        return "table" if "properties" in target else kind(target, tables)
    if choices := field.get("anyOf"):
        words = [kind(one, tables) for one in choices if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if values := field.get("enum", [field["const"]] if "const" in field else None):
        return ", ".join(code(value) for value in values)
    match field.get("type"):
        case "array":
            return f"list of {kind(field.get('items', {}), tables)}"
        case "object":
            values = field.get("additionalProperties")
            return f"table of {kind(values, tables)}" if isinstance(values, dict) else "table"
        case "string":
            return {"date-time": "time", "date": "date"}.get(field.get("format", ""), "text")
        case "boolean":
            return "true or false"
        case "integer" | "number":
            return "number"
        case _:
            return "text"


def code(value: Any) -> str:
    """Return a value as it stands in TOML; empty for none and for empty tables."""
    match value:
        case None | {} | []:
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case str():
            return f'`"{value}"`'
        case dict():
            return ""
        case [int(major), int(minor)]:
            return f'`"{major}.{minor}"`'
        case _:
            return f"`{value}`"


def cell(text: str) -> str:
    """Return text that can stand in a table, with code as Markdown has it."""
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


if __name__ == "__main__":
    write_reference()
