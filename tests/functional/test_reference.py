"""The generated reference has every command and field."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import generate
import pytest
from packaging.requirements import Requirement

from lamina.cli.app import COMMANDS
from lamina.core.errors import exit_codes
from lamina.lock.document import Lock, LockedArtifact, LockedDependency, LockedPackage
from lamina.stack.builds import BuildTable, HookTable
from lamina.stack.document import (
    PackageEntry,
    ResolveTable,
    Stack,
    StackTable,
    TestTable,
)

if TYPE_CHECKING:
    from lamina.model.document import Document

HERE = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("document", "heading", "model"),
    [
        pytest.param(Stack, "", Stack, id="stack"),
        pytest.param(Stack, "stack", StackTable, id="stack.stack"),
        pytest.param(Stack, "resolve", ResolveTable, id="stack.resolve"),
        pytest.param(Stack, "packages.NAME", PackageEntry, id="stack.packages"),
        pytest.param(Stack, "hooks.NAME", HookTable, id="stack.hooks"),
        pytest.param(Stack, "build", BuildTable, id="stack.build"),
        pytest.param(Stack, "test", TestTable, id="stack.test"),
        pytest.param(Lock, "", Lock, id="lock"),
        pytest.param(Lock, "package[]", LockedPackage, id="lock.package"),
        pytest.param(Lock, "package[].dependencies[]", LockedDependency, id="lock.dependencies"),
        pytest.param(Lock, "package[].artifacts[]", LockedArtifact, id="lock.artifacts"),
    ],
)
def test_every_field_has_a_row_with_its_meaning(
    document: type[Document], heading: str, model: type[Document]
) -> None:
    page = generate.document_page(document, "A title", "none")
    section = page if not heading else page.partition(f"## `{heading}`\n")[2]
    table = section.partition("\n## ")[0]
    for name, field in model.model_fields.items():
        row = re.search(rf"^\| `{re.escape(field.alias or name)}` \|.*$", table, re.MULTILINE)
        assert row is not None, name
        assert all(cell.strip() for cell in row[0].split("|")[2:3]), row[0]
        assert field.description, name
        assert generate.cell(field.description) in row[0]


def test_every_exit_code_is_there() -> None:
    page = generate.exit_codes_page()
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == sorted(
        exit_codes()
    )


def test_a_command_is_shown_with_usage_options_and_what_is_in_it() -> None:
    @click.command()
    @click.argument("name")
    @click.option("--json", "as_json", is_flag=True, help="One | object.")
    def show() -> None:
        """Show one thing.

        \b
        And more.
        """

    group = click.Group("release", commands={"show": show}, help="Releases.")
    text = "\n".join(generate.command_lines(group, "lamina release", level=2))
    assert "## `lamina release`" in text
    assert "### `lamina release show`" in text
    assert "lamina release show [OPTIONS] NAME" in text
    assert "| `--json` | One \\| object. |" in text
    assert "And more." in text
    assert "\b" not in text


def test_the_page_has_every_command() -> None:
    page = generate.command_line_page()
    assert [name for name in COMMANDS if f"\n## `lamina {name}`" not in page] == []


def test_each_dependency_has_its_reason_and_nothing_else_has() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"].values()
    wanted = [*project["project"]["dependencies"], *(one for group in groups for one in group)]
    names = {Requirement(one).name for one in wanted if isinstance(one, str)}
    page = (HERE / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", page, re.MULTILINE))
    rows.pop("package")
    assert set(rows) == names
    assert all(len(reason) > 4 for reason in rows.values())


@pytest.mark.parametrize("name", generate.DOCUMENTS)
def test_every_document_has_a_page_without_gaps(name: str) -> None:
    place, title, schema = generate.DOCUMENTS[name]
    page = generate.document_page(generate.load(place), title, schema)
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert rows
    assert all(row[-1].strip(" |") for row in rows)
