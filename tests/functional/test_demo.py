"""The demonstration, run for real: what it says is looked at afterwards."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a demonstration é")


@pytest.fixture(scope="module")
def told(stage: Path) -> Iterator[Any]:
    command_line = CommandLine(directory=stage, environ=dict(os.environ))
    yield command_line("demo", stage, "--json").json
    for directory, _, _ in os.walk(stage / "demo-root"):
        Path(directory).chmod(0o755)


pytestmark = pytest.mark.index


def test_every_step_is_told_in_order(told: Any) -> None:
    assert [step["title"] for step in told["steps"]] == [
        "describe the stack",
        "lock it",
        "publish a release",
        "put a layer on it",
        "lift numpy",
        "import, PYTHONPATH set to the release",
        "analyse",
    ]


def test_the_release_is_published_and_verifies(told: Any, stage: Path) -> None:
    command_line = CommandLine(directory=stage, environ=dict(os.environ))
    found = command_line("release", "list", "--root", stage / "demo-root", "--json").json
    assert [one["release"] for one in found["releases"]] == ["hep-small/2026.11.0"]
    command_line("release", "verify", "hep-small", "--root", stage / "demo-root")
    command_line("lock", "--stack", stage / "demo-stack", "--check")
    prefix = stage / told["steps"][2]["place"]
    manifest = tomllib.loads((prefix / ".lamina/release.toml").read_text())
    stack = tomllib.loads((stage / "demo-stack/lamina.toml").read_text())
    tested = [test["subject"] for test in manifest["test"] if test["kind"] == "import"]
    assert tested == stack["test"]["imports"]
    assert stat.S_IMODE((prefix / "pyvenv.cfg").stat().st_mode) == 0o444


def test_numpy_comes_from_the_layer_and_uproot_from_the_release(told: Any, stage: Path) -> None:
    imported = told["steps"][5]
    assert imported["place"].startswith("./demo-layer/")
    layer = CommandLine(directory=stage, environ=dict(os.environ))
    listed = layer("layer", "list", stage / "demo-layer", "--json").json["packages"]
    assert [one["name"] for one in listed] == ["numpy"]
    assert listed[0]["over"].startswith("2.3.")


def test_the_plot_is_a_picture_and_the_peak_is_the_z_boson(told: Any) -> None:
    assert Path(told["plot"]).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert "peak at 90.5 GeV" in told["steps"][6]["outcome"]


def test_a_second_run_finds_the_release_and_makes_the_layer_anew(told: Any, stage: Path) -> None:
    assert told["steps"]
    (stage / "demo-layer" / "stale").touch()
    again = CommandLine(directory=stage, environ=dict(os.environ))("demo", stage, "--json").json
    assert again["steps"][2]["outcome"] == "hep-small/2026.11.0 was published already, read-only"
    assert not (stage / "demo-layer" / "stale").exists()


def test_a_directory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo-root").mkdir()
    (tmp_path / "demo-root" / "thesis.tex").write_text("years of work")
    answer = CommandLine(directory=tmp_path, environ=dict(os.environ))("demo", tmp_path, expect=1)
    assert "thesis.tex" in answer.stderr
    assert (tmp_path / "demo-root" / "thesis.tex").read_text() == "years of work"
