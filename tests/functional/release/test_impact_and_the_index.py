"""What a release would mean for shared layers, and how little the index is asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.stacks import stack_text

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer


@pytest.fixture
def index(index_server: IndexServer) -> IndexServer:
    """Return an index with two versions of what a stack has, and what people put on it."""
    index_server.wheel("lib", "1.0")
    index_server.wheel("lib", "2.0")
    index_server.wheel("mine", "1.0", ["lib"])
    return index_server


@pytest.fixture
def lamina(
    index: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Return the program beside two releases."""
    assert index.url
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    (command_line.directory / "shared").mkdir()
    for version in ("1.0", "2.0"):
        text = stack_text(f'lib = "=={version}"')
        text = text.replace('version = "1.0"', f'version = "{version}"')
        command_line.write("lamina.toml", text)
        command_line("lock")
        command_line("publish", "--no-test")
    return command_line


def layer(lamina: CommandLine, name: str, *requests: str) -> None:
    lamina("layer", "create", name, "--on", "small/1.0")
    lamina("layer", "add", name, *requests)
    lamina("layer", "share", name, "--to", "shared")


def impact(lamina: CommandLine, expect: int = 0) -> dict[str, Any]:
    words = ("release", "impact", "small/2.0", "--layers", "shared", "--json")
    found = lamina(*words, expect=expect).json["layers"]
    return {one["layer"].split("-")[1]: one for one in found}


def test_what_stays_as_it_is_asks_the_index_nothing(
    lamina: CommandLine, index: IndexServer
) -> None:
    layer(lamina, "adds", "mine")
    index.wheel("mine", "1.5", ["lib"])
    before = len(index.requests)
    assert impact(lamina)["adds"]["outcome"] == "fine"
    assert index.requests[before:] == []


def test_what_has_to_change_is_asked_of_the_index_as_it_is_now(
    lamina: CommandLine, index: IndexServer
) -> None:
    index.wheel("fits", "0.5", ["lib"])
    index.wheel("fits", "1.0", ["lib<2"])
    layer(lamina, "older", "fits<1")
    layer(lamina, "adds", "fits")
    index.wheel("fits", "3.0", ["lib"])
    found = impact(lamina)["adds"]
    assert (found["outcome"], found["changes"]) == ("changes", ["fits 1.0 -> 3.0"])


def test_sources_too_old_to_build_do_not_hide_why_a_layer_breaks(
    lamina: CommandLine, index: IndexServer
) -> None:
    index.wheel("fits", "1.0", ["lib<2"])
    layer(lamina, "adds", "fits")
    layer(lamina, "other", "mine")
    index.sdist("fits", "0.1", broken=True)
    found = impact(lamina, expect=4)
    assert found["other"]["outcome"] == "fine"
    assert found["adds"]["outcome"] == "breaks"
    assert "lib" in found["adds"]["reason"]
    assert "0.1" not in found["adds"]["reason"]


def test_what_nobody_can_build_breaks_one_layer_and_not_the_others(
    lamina: CommandLine, index: IndexServer
) -> None:
    index.wheel("fits", "1.0", ["lib<2"])
    layer(lamina, "adds", "fits")
    layer(lamina, "other", "mine")
    index.sdist("fits", "5.0", broken=True)
    found = impact(lamina, expect=4)
    assert found["other"]["outcome"] == "fine"
    assert found["adds"]["outcome"] == "breaks"
    assert "fits==5.0" in found["adds"]["reason"]
