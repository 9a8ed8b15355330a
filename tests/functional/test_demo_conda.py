"""The demonstration with conda packages, run for real."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.index


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a demonstration é")


@pytest.fixture(scope="module")
def told(stage: Path) -> Iterator[Any]:
    command_line = CommandLine(directory=stage, environ=dict(os.environ))
    yield command_line("demo", stage, "--conda", "--json").json
    for directory, _, _ in os.walk(stage / "demo-root"):
        Path(directory).chmod(0o755)


def test_every_step_is_told_in_order(told: Any) -> None:
    assert [step["title"] for step in told["steps"]] == [
        "make a conda channel",
        "describe the stack",
        "lock both sides together",
        "publish a release",
        "add a conda package in a layer",
        "import all three",
    ]
    assert told["plot"] is None
    assert "demo-mixed-layer/conda/lib" in told["steps"][5]["place"]


def test_what_is_to_be_typed_next_works(told: Any, stage: Path) -> None:
    command_line = CommandLine(directory=stage, environ=dict(os.environ))
    layer, root = stage / "demo-mixed-layer", stage / "demo-root"
    assert "iminuit" in command_line("layer", "list", layer).stdout
    assert "numpy" in command_line("release", "show", "hep-mixed", "--root", root).stdout
    words = ("export", "hep-mixed", "--root", root, "--as", "explicit")
    lines = command_line(*words).stdout.splitlines()
    channel = (stage / "demo-channel").as_uri()
    assert [one.startswith(channel) for one in lines if ".conda#" in one] == [True] * 3
    command_line("release", "verify", "hep-mixed", "--root", root)
    assert len(told["next"]) == 3
