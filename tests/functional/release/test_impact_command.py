"""Before a release is promoted: which of the shared layers it would change or break."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.uv_caches import empty_cache
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place

STACK = """\
[stack]
name = "{name}"
version = "{version}"
python = "3.12"
platforms = ["{platform}"]

[packages]
lib = "=={lib}"
core = "*"
"""
OFFERED = (
    *(Wheel(name="lib", version=version) for version in ("1.0", "1.5", "2.0")),
    Wheel(name="core", version="1.0", requires=["lib"]),
    Wheel(name="mine", version="1.0", requires=["core"]),
    Wheel(name="mine", version="1.1", requires=["core>=9"]),
    Wheel(name="old", version="1.0", requires=["lib<2"]),
)


def publish(lamina: CommandLine, name: str, version: str, lib: str) -> None:
    text = STACK.format(name=name, version=version, platform=current_platform(), lib=lib)
    lamina.write("lamina.toml", text)
    lamina("lock")
    lamina("publish", "--no-test")


def layer(lamina: CommandLine, name: str, on: str, *requests: str) -> None:
    lamina("layer", "create", name, "--on", on)
    lamina("layer", "add", name, *requests)
    lamina("layer", "share", name, "--to", "shared")


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def lamina(place: Place, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program beside two releases, with layers on the older one."""
    index = FileIndex(command_line.directory / "index")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    monkeypatch.setenv("USER", "ann")

    def make() -> None:
        index.add(*OFFERED)
        (command_line.directory / "shared").mkdir()
        publish(command_line, "hep", "1.0", "1.0")
        publish(command_line, "hep", "2.0", "2.0")
        layer(command_line, "adds", "hep/1.0", "mine")
        layer(command_line, "lifts", "hep/1.0", "lib>=1.5,<2")

    place.once("layers", make)
    return command_line


def outcomes(
    lamina: CommandLine, release: str, expect: int = 0
) -> dict[str, tuple[str, list[str]]]:
    answer = lamina("release", "impact", release, "--layers", "shared", "--json", expect=expect)
    return {
        one["layer"].split("-")[1]: (one["outcome"], one["changes"])
        for one in json.loads(answer.stdout)["layers"]
    }


def pins(lamina: CommandLine, name: str) -> list[tuple[str, str]]:
    lock = tomllib.loads((lamina.directory / name / "lamina-layer.lock").read_text())
    return [(one["name"], one["version"]) for one in lock.get("package", [])]


def test_where_they_stand_all_is_fine(lamina: CommandLine) -> None:
    assert outcomes(lamina, "hep/1.0") == {"adds": ("fine", []), "lifts": ("fine", [])}


def test_what_changes_and_what_breaks(lamina: CommandLine) -> None:
    layer(lamina, "breaks", "hep/1.0", "old")
    layer(lamina, "falls", "hep/1.0", "lib>=1.5")
    publish(lamina, "lab", "1.0", "1.0")
    layer(lamina, "elsewhere", "lab/1.0", "mine")
    found = outcomes(lamina, "hep/2.0", expect=4)
    assert {name: outcome for name, (outcome, _) in found.items()} == {
        "adds": "fine", "breaks": "breaks", "falls": "changes", "lifts": "fine",
    }  # fmt: skip
    assert found["falls"][1] == ["lib 2.0 -> 2.0 of the release"]
    text = lamina("release", "impact", "hep/2.0", "--layers", "shared", expect=4).stdout
    lines = text.splitlines()
    assert lines[0].startswith("breaks   ann-breaks-")
    assert "lib" in lines[0]
    assert lines[-1] == "4 layers on hep/2.0: 2 fine, 1 would change, 1 would break"


def test_what_the_layer_would_have_to_have_itself(lamina: CommandLine) -> None:
    layer(lamina, "high", "hep/2.0", "lib>=2")
    assert outcomes(lamina, "hep/1.0")["high"] == (
        "changes", ["lib new: 2.0 over 1.0 of the release"],
    )  # fmt: skip


@pytest.mark.parametrize("request_text", ["lib>=1.5", "mine", "lib>=1.5,<2"])
def test_it_is_what_migrating_does(lamina: CommandLine, request_text: str) -> None:
    layer(lamina, "moves", "hep/1.0", request_text)
    _, changes = outcomes(lamina, "hep/2.0")["moves"]
    before = pins(lamina, "moves")
    lamina("layer", "migrate", "moves", "--to", "hep/2.0")
    assert bool(changes) == (before != pins(lamina, "moves"))


def test_bad_input(lamina: CommandLine) -> None:
    assert "--layers DIR" in lamina("release", "impact", "hep/2.0", expect=2).stderr
    lamina("release", "impact", "hep/9", "--layers", "shared", expect=2)
    lamina("release", "impact", "hep/2.0", "--layers", "nowhere", expect=3)
    (lamina.directory / "empty").mkdir()
    answer = lamina("release", "impact", "hep/2.0", "--layers", "empty")
    assert answer.stdout.startswith("0 layers on hep/2.0: ")
