"""The examples of stacks from sources, built for real and published: minutes of compiling."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.command_line import CommandLine

pytestmark = [pytest.mark.index, pytest.mark.heavy]
EXAMPLES = Path(__file__).parents[3] / "examples"


def test_fifteen_packages_are_built_once_and_published(command_line: CommandLine) -> None:
    shutil.copytree(EXAMPLES / "source-stack", command_line.directory, dirs_exist_ok=True)
    command_line("lock")
    packages = command_line("build", "--json").json["packages"]
    assert len(packages) == 15
    assert {one["status"] for one in packages} == {"built"}
    again = command_line("build", "--json").json
    assert {one["status"] for one in again["packages"]} == {"cached"}
    assert [one["sha256"] for one in again["packages"]] == [one["sha256"] for one in packages]
    published = command_line("publish", "--root", "root", "--json").json
    prefix = Path(published["prefix"])
    assert (prefix / "bin" / "luigi-task").is_symlink()
    assert len(list(prefix.glob("lib/*/site-packages/*.dist-info/lamina-build.json"))) == 15


def test_numpy_is_built_with_settings_and_another_package_against_it(
    command_line: CommandLine,
) -> None:
    shutil.copytree(EXAMPLES / "numpy-from-source", command_line.directory, dirs_exist_ok=True)
    command_line("lock")
    packages = {one["name"]: one for one in command_line("build", "--json").json["packages"]}
    assert {name: one["status"] for name, one in packages.items()} == {
        "numpy": "built", "bottleneck": "built",
    }  # fmt: skip
    inputs = {
        name: json.loads(Path(one["provenance"]).read_text())["inputs"]
        for name, one in packages.items()
    }
    assert inputs["numpy"]["config"]["setup-args"][0] == "-Dallow-noblas=true"
    [built] = [one for one in inputs["bottleneck"]["requirements"] if "build" in one]
    assert built["name"] == "numpy"
    published = command_line("publish", "--root", "root", "--json")
    assert "0 built, 2 from the cache" in published.stderr
    libraries = list(Path(published.json["prefix"]).rglob("*openblas*"))
    assert libraries == []
