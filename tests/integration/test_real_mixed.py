"""A real stack of both sides: Python and numpy from a channel, analysis packages from the index."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from lamina.lock.files import load_lock
from support.channels import SERIES
from support.interpreters import find_interpreter
from support.mixed import build, mixed_stack, offer

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine

# Python of this machine needs the C library of this machine.
NEW = 'glibc = "2.44"'

pytestmark = [pytest.mark.index, pytest.mark.heavy]


def test_uproot_and_coffea_stand_on_numpy_of_a_channel(
    command_line: CommandLine, tmp_path: Path
) -> None:
    python = find_interpreter(SERIES)
    command_line("channel", "bootstrap", "--python", python, "channel", "numpy<2.3")
    offer(command_line.directory / "channel", build(tmp_path / "made", "gfal2", "2.23"))
    stack = mixed_stack('uproot = "*"\ncoffea = "*"', 'numpy = "*"\ngfal2 = ">=2.23"', resolve=NEW)
    command_line.write("lamina.toml", stack)
    command_line("lock")
    load_lock(command_line.directory / "lamina.lock")
    document = tomllib.loads((command_line.directory / "lamina.lock").read_text())
    conda = {one["name"]: one for one in document["conda"]}
    indexed = {one["name"] for one in document["package"]}
    assert {"python", "numpy", "gfal2"} <= set(conda)
    assert {"uproot", "coffea", "awkward"} <= indexed
    assert "numpy" not in indexed
    assert {"pypi:uproot", "pypi:awkward", "stack"} <= set(conda["numpy"]["requested-by"])
    assert conda["numpy"]["provides"] == [{"name": "numpy", "version": conda["numpy"]["version"]}]
