"""The examples, published for real: what a release imports is imported from its final place."""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from support.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.index

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Return a place for a root that is gone after the test: a release may be 2 GB large."""
    yield tmp_path / "root"
    fs.remove_tree(tmp_path / "root")


@pytest.mark.parametrize(
    ("name", "fewest", "imported"),
    [
        pytest.param("hep-small", 46, "uproot", id="small", marks=pytest.mark.heavy),
        pytest.param("hep-analysis", 185, "ROOT", id="analysis", marks=pytest.mark.heavy),
        pytest.param("hep-start", 80, "pyhf", id="start", marks=pytest.mark.heavy),
        pytest.param("hep-large", 414, "ray", id="large", marks=pytest.mark.heavy),
    ],
)
def test_an_example_publishes_and_imports(
    name: str,
    fewest: int,
    imported: str,
    *,
    root: Path,
    tmp_path: Path,
    interpreter: Callable[[str], Path],
) -> None:
    command_line = CommandLine(directory=tmp_path, environ=dict(os.environ))
    stack = tmp_path / name
    shutil.copytree(EXAMPLES / name, stack)
    command_line("lock", "--stack", stack)
    published = command_line(
        *("publish", "--stack", stack, "--root", root, "--python", interpreter("3.12"), "--json")
    ).json
    assert published["packages"] >= fewest
    manifest = tomllib.loads((Path(published["prefix"]) / ".lamina/release.toml").read_text())
    tested = [test["subject"] for test in manifest["test"] if test["kind"] == "import"]
    wanted = tomllib.loads((stack / "lamina.toml").read_text())["test"]["imports"]
    assert tested == wanted
    assert imported in tested
    command_line("lock", "--stack", stack, "--check")
    command_line("release", "verify", name, "--root", root)
