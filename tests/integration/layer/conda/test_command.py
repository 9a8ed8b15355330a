"""``lamina layer`` with conda packages, as a person types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine


@pytest.fixture
def layer(command_line: CommandLine, conda_base: Path) -> Path:
    command_line("layer", "create", "mine", "--on", conda_base)
    return command_line.directory / "mine"


def test_from_the_plan_to_the_layer_elsewhere(command_line: CommandLine, layer: Path) -> None:
    planned = command_line("layer", "add", layer, "--conda", "tool", "--dry-run").stdout
    lines = planned.splitlines()
    assert lines[:2] == ["  + libouter 1.0 h0_0 (for tool)", "  + tool 1.0 h0_0 (asked for)"]
    assert lines[2].startswith("1 of the base used as they are, 2 new, 0 removed, ")
    assert not (layer / "conda").exists()
    value = command_line("layer", "add", layer, "--conda", "tool", "--json").json
    assert [(one["name"], one["installs"]) for one in value["conda"]["packages"]] == [
        ("libouter", True),
        ("tool", True),
    ]
    assert value["conda"]["kept"] == [{"name": "libinner", "version": "1.0"}]
    assert "conda  you asked for it" in command_line("layer", "list", layer).stdout
    command_line("layer", "check", layer)
    command_line("layer", "lock", layer, "-o", "paper.lock")
    told = command_line("layer", "restore", "paper.lock", "--to", "again", "--dry-run").stdout
    assert "  + tool 1.0 h0_0 of conda" in told
    command_line("layer", "restore", "paper.lock", "--to", "again")
    command_line("layer", "check", "again")
    answer = command_line("layer", "remove", "again", "--conda", "tool").stdout
    assert answer.splitlines()[-1].startswith("0 of the base used as they are, 0 new, 2 removed")


def test_why_a_conda_package_is_there(command_line: CommandLine, layer: Path) -> None:
    command_line("layer", "add", layer, "--conda", "tool")
    said = command_line("layer", "why", layer, "libouter").stdout
    assert said == "libouter 1.0: a conda package of the layer\n  because tool needs it\n"
    told = command_line("layer", "why", layer, "tool", "--json").json
    assert (told["source"], told["because"]) == ("conda", ["you asked for it"])


def test_a_mix_of_both_kinds(command_line: CommandLine, layer: Path) -> None:
    answer = command_line("layer", "add", layer, "numpy", "--conda", "tool", expect=2)
    assert "one kind at a time" in answer.stderr
    answer = command_line("layer", "add", layer, "numpy", "--channel", "x", expect=2)
    assert "--channel and --flat are for --conda" in answer.stderr
    answer = command_line("layer", "add", layer, expect=2)
    assert "Name at least one requirement" in answer.stderr
    answer = command_line("layer", "add", layer, "--conda", "tool", "--channel", "a b", expect=2)
    assert "neither the name of a channel" in answer.stderr
    address = "https://me:secret@example.org/channel"
    answer = command_line("layer", "add", layer, "--conda", "tool", "--channel", address, expect=2)
    assert "has credentials" in answer.stderr
    assert "secret" not in answer.stderr


def test_the_flat_copy_is_offered_and_made(command_line: CommandLine, layer: Path) -> None:
    answer = command_line("layer", "add", layer, "--conda", "new-tool", expect=7)
    offered = next(line for line in answer.stderr.splitlines() if "--flat PREFIX" in line)
    words = offered.removeprefix("hint: ").split()
    assert words[:3] == ["lamina", "layer", "add"]
    told = command_line(*words[1:-1], "flat").stdout.splitlines()
    assert told[-1].startswith("lamina layer create ")
    assert (command_line.directory / "flat/bin/new-tool").exists()


def test_the_doctor_has_nothing_to_say_of_it(command_line: CommandLine, layer: Path) -> None:
    before = command_line("doctor", layer, "--json").json
    command_line("layer", "add", layer, "--conda", "tool", "--conda", "native-ext")
    after = command_line("doctor", layer, "--json").json
    assert [one["kind"] for one in after["findings"]] == [one["kind"] for one in before["findings"]]
