"""``lamina export`` of a release, which brings its own lock and stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.model.platforms import current_platform
from support.index_server import IndexServer
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine

HERE = current_platform()
INSIDE = Path("root", "releases", "small", "1.0", str(HERE))


@pytest.fixture
def lamina(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """Return the program in a directory without a stack, beside a root with a release."""
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    index_server.wheel("plain", "1.0")
    with IndexServer() as ours:
        ours.wheel("tool", "1.0")
        command_line.write(
            "lamina.toml",
            stack_text(
                'plain = "*"\ntool = { version = "*", index = "ours" }',
                platforms=f'["{HERE}"]',
                resolve=f'indexes = {{ ours = "{ours.url}" }}',
            ),
        )
        command_line("publish")
        for name in ("lamina.toml", "lamina.lock"):
            (command_line.directory / name).unlink()
        yield command_line
    fs.remove_tree(command_line.directory / "root")


@pytest.mark.parametrize(
    "source",
    ["small", "small/1.0", str(INSIDE), str(INSIDE / ".lamina" / "lamina.lock")],
    ids=["stack", "version", "prefix", "lock"],
)
def test_a_release_is_exported(lamina: CommandLine, source: str) -> None:
    for form in ("requirements", "pylock", "explicit"):
        text = lamina("export", source, "--as", form).stdout
        assert "plain" in text
        assert "tool" in text


def test_what_is_not_there(lamina: CommandLine) -> None:
    for source, said in (
        ("small/2.0", "small: no release 2.0"),
        ("other", "other"),
        ("no where", "no such file or directory, and no release"),
    ):
        assert said in lamina("export", source, "--as", "pylock", expect=2).stderr


def test_a_layer_is_told_what_it_can_become(lamina: CommandLine) -> None:
    lamina("layer", "create", "mine", "--on", "small")
    said = lamina("export", "./mine", "--as", "rpm", "-o", "out", expect=2).stderr
    assert "./mine: a layer, and rpm is made of a release\n" in said
    assert "hint: lamina layer lock ./mine" in said
    assert not (lamina.directory / "out").exists()
