"""``lamina export`` against an index on loopback."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from support.index_server import IndexServer
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine

BOTH = '["linux-64", "osx-arm64"]'


@pytest.fixture
def ours() -> Iterator[IndexServer]:
    """Return a second index."""
    with IndexServer() as server:
        server.wheel("tool", "1.0")
        yield server


@pytest.fixture
def index(index_server: IndexServer, ours: IndexServer) -> IndexServer:
    """Return the default index."""
    assert ours.url
    index_server.wheel("app", "1.0", ["linuxonly ; sys_platform == 'linux'"])
    index_server.wheel("linuxonly", "1.0")
    index_server.wheel("native", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64")
    index_server.wheel("native", "1.0", tag="cp312-cp312-macosx_11_0_arm64", note="apple")
    return index_server


@pytest.fixture
def lamina(index: IndexServer, ours: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, in a directory with a locked stack."""
    line = 'app = "*"\nnative = "*"\ntool = { version = "*", index = "ours" }'
    resolve = f'indexes = {{ ours = "{ours.url}" }}'
    command_line.write("lamina.toml", stack_text(line, platforms=BOTH, resolve=resolve))
    command_line("lock")
    index.requests.clear()
    ours.requests.clear()
    return command_line


def test_requirements_for_one_target(lamina: CommandLine, ours: IndexServer) -> None:
    text = lamina("export", "--as", "requirements", "--target", "linux-64/3.12").stdout
    lines = text.splitlines()
    assert lines[0] == "# small for linux-64/3.12, written by lamina export"
    assert "app==1.0 \\" in lines
    assert "linuxonly==1.0 \\" in lines
    assert " ; " not in text
    assert text.count("--hash=sha256:") == 4
    assert f"{ours.url.removesuffix('/simple')}/files/tool-1.0-py3-none-any.whl" in text


def test_requirements_for_all_targets_have_markers(lamina: CommandLine) -> None:
    text = lamina("export", "--as", "requirements").stdout
    [line] = [one for one in text.splitlines() if one.startswith("linuxonly")]
    assert "sys_platform == 'linux'" in line
    [native] = [one for one in text.splitlines() if one.startswith("native")]
    assert native == "native==1.0 \\"
    assert text.count("--hash=sha256:") == 5


def test_pylock(lamina: CommandLine, index: IndexServer, ours: IndexServer) -> None:
    text = lamina("export", "--as", "pylock").stdout
    document = tomllib.loads(text)
    assert document["created-by"] == "lamina"
    assert document["requires-python"] == ">=3.12,<3.13"
    assert len(document["environments"]) == 2
    by_name = {one["name"]: one for one in document["packages"]}
    assert by_name["tool"]["index"] == ours.url
    assert by_name["app"]["index"] == index.url
    assert len(by_name["native"]["wheels"]) == 2
    assert "sys_platform == 'linux'" in by_name["linuxonly"]["marker"]
    assert "marker" not in by_name["app"]


def test_explicit_is_for_one_target(lamina: CommandLine, index: IndexServer) -> None:
    text = lamina("export", "--as", "explicit", "--target", "osx-arm64/3.12").stdout
    assert [line.partition(" @ ")[0] for line in text.splitlines()[1:]] == [
        "app",
        "native",
        "tool",
    ]
    native = index.offers["native"][1]
    assert f"/files/{native.filename}#sha256={native.sha256}" in text


def test_addresses_are_remembered_from_locking(
    lamina: CommandLine, index: IndexServer, ours: IndexServer
) -> None:
    lamina("export", "--as", "pylock")
    assert index.requests == []
    assert ours.requests == []


@pytest.mark.parametrize("form", ["requirements", "pylock", "explicit"])
def test_an_export_is_written_and_the_same_each_time(lamina: CommandLine, form: str) -> None:
    options = ["--as", form, "--target", "linux-64/3.12"]
    shown = lamina("export", *options).stdout
    answer = lamina("export", *options, "-o", "out.txt", "--json").json
    assert answer == {"form": form, "lock": answer["lock"], "output": "out.txt"}
    assert (lamina.directory / "out.txt").read_text() == shown


def test_the_source_may_be_a_directory_or_a_lock(lamina: CommandLine) -> None:
    options = ["--as", "requirements"]
    first = lamina("export", *options).stdout
    assert lamina("export", lamina.directory, *options).stdout == first
    assert lamina("export", lamina.directory / "lamina.lock", *options).stdout == first


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--as", "explicit"], 0, "", id="this machine's target"),
        pytest.param(["--as", "pylock", "--target", "win-64/3.12"], 2, "it is for", id="target"),
        pytest.param(["nowhere/x y", "--as", "pylock"], 2, "no such file", id="no source"),
        pytest.param(["small/1.0", "--as", "pylock"], 2, "release", id="release"),
        pytest.param(["--as", "zip"], 2, "requirements", id="form"),
    ],
)
def test_what_is_asked_for(lamina: CommandLine, arguments: list[str], code: int, said: str) -> None:
    answer = lamina("export", *arguments, expect=code)
    assert said in answer.stderr


def test_a_missing_lock(lamina: CommandLine) -> None:
    (lamina.directory / "lamina.lock").unlink()
    said = lamina("export", "--as", "pylock", expect=3).stderr
    assert "there is no lock\nhint: lamina lock\n" in said
