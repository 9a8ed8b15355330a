"""lamina version: what a librarian calls the next release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.model.platforms import current_platform
from support.roots import root_with

if TYPE_CHECKING:
    from support.command_line import CommandLine

STACK = """\
[stack]  # ours
name = "hep"
version = "{version}"  # by hand
python = "3.12"
platforms = ["linux-64"]

[packages]
numpy = "{numpy}"
"""


@pytest.fixture
def lamina(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program beside a stack and releases of it."""
    root = root_with(command_line.directory / "root", "7.3.1", "7.3.2a6", "7.3.2", "7.4.0a1")
    for version in ("7.3.1", "7.3.2", "7.4.0a1"):
        place = root.path / "releases" / "hep" / version / current_platform() / ".lamina"
        text = STACK.format(version=version, numpy=">=1,<2")
        fs.write_text(place / "stack.toml", text, durable=False)
    monkeypatch.setenv("LAMINA_ROOT", str(root.path))
    command_line.write("lamina.toml", STACK.format(version="7.3.2", numpy=">=1.26,<2"))
    return command_line


def test_show(lamina: CommandLine) -> None:
    assert lamina("version", "show").stdout == "7.3.2\n"
    assert json.loads(lamina("version", "show", "--json").stdout) == {
        "version": "7.3.2", "dirac": "v7r3p2",
    }  # fmt: skip


def test_next_by_what_has_changed(lamina: CommandLine) -> None:
    answer = lamina("version", "next")
    assert answer.stdout == "7.3.3\n  patch: numpy >=1,<2 is now >=1.26,<2\n"
    lamina.write("lamina.toml", STACK.format(version="7.3.2", numpy=">=2"))
    assert lamina("version", "next", "--bump", "auto").stdout.startswith("8.0.0\n  major: ")
    assert lamina("version", "next", "--since", "hep/7.3.1").stdout.startswith("8.0.0\n")
    lamina.write("lamina.toml", STACK.format(version="7.3.2", numpy=">=1,<2"))
    same = lamina("version", "next", expect=2)
    assert "asks for the same as 7.3.2" in same.stderr


def test_next_is_written_and_comments_stay(lamina: CommandLine) -> None:
    assert lamina("version", "next", "--bump", "minor", "--write").stdout == "7.4.0\n"
    text = (lamina.directory / "lamina.toml").read_text()
    assert text == STACK.format(version="7.4.0", numpy=">=1.26,<2")
    value = json.loads(lamina("version", "next", "--bump", "pre", "--json").stdout)
    assert (value["from"], value["version"], value["written"]) == ("7.3.2", "7.3.3a1", False)


def test_before_the_first_release(lamina: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_ROOT", str(lamina.directory / "none"))
    assert lamina("version", "next", "--bump", "major").stdout == "8.0.0\n"
    answer = lamina("version", "next", expect=2)
    assert "no release yet to compare with" in answer.stderr


def test_a_version_from_git_is_not_written(lamina: CommandLine) -> None:
    text = STACK.format(version="x", numpy="*").replace('"x"', '{ from = "git" }')
    lamina.write("lamina.toml", text)
    answer = lamina("version", "next", "--bump", "patch", "--write", expect=2)
    assert "its version comes from git" in answer.stderr
    assert "git tag v7.3.3" in answer.stderr


def test_latest(lamina: CommandLine) -> None:
    assert lamina("version", "latest", "hep").stdout == "7.3.2\n"
    assert lamina("version", "latest", "hep", "--series", "7.4").stdout == "7.4.0a1\n"
    assert lamina("version", "latest", "hep", "--series", "v7r3").stdout == "7.3.2\n"
    lamina("release", "retire", "hep/7.3.2")
    assert lamina("version", "latest", "hep", "--series", "7.3").stdout == "7.3.1\n"
    missing = lamina("version", "latest", "hep", "--series", "7", "--root", "root").stdout
    assert missing == "7.3.1\n"
    assert lamina("version", "latest", "hep", "--series", "7.04").stdout == "7.4.0a1\n"
    lamina("version", "latest", "hep", "--series", "seven", expect=2)
    # Its number is taken all the same.
    assert lamina("version", "next", "--bump", "patch").stdout == "7.3.3\n"
    answer = lamina("version", "latest", "hep", "--series", "9", expect=2)
    assert "no release of the series 9" in answer.stderr
    lamina("version", "latest", "No", expect=2)


def test_convert(lamina: CommandLine) -> None:
    assert lamina("version", "convert", "v7r3p2-pre6").stdout == "7.3.2a6\n"
    assert lamina("version", "convert", "7.3.2a6").stdout == "v7r3p2-pre6\n"
    lamina("version", "convert", "7.3.2rc1", expect=2)
