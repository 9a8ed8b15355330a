"""What a stack protects stays as it is under every layer over its releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.model.platforms import current_platform
from support.stacks import stack_text
from support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine
    from support.index_server import IndexServer


@pytest.fixture
def lamina(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """Return the program with a layer over a release whose framework is protected."""
    root = command_line.directory / "root"
    monkeypatch.setenv("LAMINA_ROOT", str(root))
    for version in ("1.0", "2.0"):
        index_server.wheel("framework", version)
    index_server.wheel("other", "1.0")
    index_server.wheel("newest", "1.0", ["framework"])
    index_server.wheel("lifting", "1.0", ["framework>=2"])
    packages = 'framework = "==1.0"\nother = "*"'
    text = stack_text(packages, platforms=f'["{current_platform()}"]')
    command_line.write("lamina.toml", f'{text}\n[layers]\nprotected = ["Framework"]\n')
    command_line("publish")
    command_line("layer", "create", "mine", "--on", "small")
    yield command_line
    fs.remove_tree(root)


@pytest.mark.parametrize("request_", ["framework>=2", "lifting"], ids=["asked", "needed"])
def test_a_layer_does_not_change_it(lamina: CommandLine, request_: str) -> None:
    answer = lamina("layer", "add", "mine", request_, expect=4)
    hint = "hint: framework 1.0 is protected: no layer over this release changes it"
    assert hint in answer.stderr
    assert "nothing of its own yet" in lamina("layer", "list", "mine").stdout


def test_all_else_can_be_had(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("other", "2.0")
    lamina("layer", "add", "mine", "newest", "other>=2")
    rows = lamina("layer", "list", "mine", "--json").json["packages"]
    assert [(one["name"], one["version"]) for one in rows] == [("newest", "1.0"), ("other", "2.0")]


def test_it_holds_for_layers_on_layers(lamina: CommandLine) -> None:
    lamina("layer", "create", "upper", "--on", "./mine")
    assert "is protected" in lamina("layer", "add", "upper", "framework>=2", expect=4).stderr


def test_what_is_of_no_index_is_not_replaced_by_a_namesake(
    lamina: CommandLine, index_server: IndexServer
) -> None:
    ours = Wheel(name="ours", version="1.0").write(lamina.directory)
    packages = f'ours = {{ path = "{ours.name}" }}\nother = "*"'
    text = stack_text(packages, platforms=f'["{current_platform()}"]')
    lamina.write("lamina.toml", text.replace('version = "1.0"', 'version = "3.0"'))
    lamina("lock")
    lamina("publish")
    index_server.wheel("ours", "2.0")
    index_server.wheel("needy", "1.0", ["ours>1"])
    lamina("layer", "create", "over", "--on", "small/3.0")
    answer = lamina("layer", "add", "over", "needy", expect=4)
    assert "ours 1.0 of the base is of no index" in answer.stderr
    lamina("layer", "add", "over", "ours", "needy")
    rows = lamina("layer", "list", "over", "--json").json["packages"]
    assert [(one["name"], one["version"]) for one in rows] == [("needy", "1.0"), ("ours", "2.0")]


def test_protecting_makes_no_lock_stale(lamina: CommandLine) -> None:
    path = lamina.directory / "lamina.toml"
    path.write_text(path.read_text().replace('["Framework"]', "[]"))
    lamina("lock", "--check")


def test_what_is_not_in_the_lock_cannot_be_protected(lamina: CommandLine) -> None:
    path = lamina.directory / "lamina.toml"
    path.write_text(path.read_text().replace('["Framework"]', '["other", "frame-work"]'))
    answer = lamina("publish", expect=3)
    problem = "layers.protected[1]: frame-work is not in the lock (did you mean 'framework'?)"
    assert problem in answer.stderr
    assert "protected[0]" not in answer.stderr
