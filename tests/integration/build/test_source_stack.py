"""The example of a stack from sources, built for real and published: minutes of compiling."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.command_line import CommandLine

pytestmark = [pytest.mark.index, pytest.mark.heavy]
EXAMPLE = Path(__file__).parents[3] / "examples" / "source-stack"


def test_fifteen_packages_are_built_once_and_published(command_line: CommandLine) -> None:
    shutil.copytree(EXAMPLE, command_line.directory, dirs_exist_ok=True)
    command_line("lock")
    packages = command_line("build", "--json").json["packages"]
    assert len(packages) == 15
    assert {one["status"] for one in packages} == {"built"}
    again = command_line("build", "--json").json
    assert {one["status"] for one in again["packages"]} == {"cached"}
    assert [one["sha256"] for one in again["packages"]] == [one["sha256"] for one in packages]
    assert again["seconds"] < 30
    published = command_line("publish", "--root", "root", "--json").json
    prefix = Path(published["prefix"])
    assert (prefix / "bin" / "luigi-task").is_symlink()
    assert len(list(prefix.glob("lib/*/site-packages/*.dist-info/lamina-build.json"))) == 15
