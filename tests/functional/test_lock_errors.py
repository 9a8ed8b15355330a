"""What ``lamina lock`` says when it cannot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.index_server import LINUX, IndexServer
from support.stacks import stack_text

if TYPE_CHECKING:
    from support.command_line import CommandLine

MACOS = "cp312-cp312-macosx_11_0_arm64"
BOTH = '["linux-64", "osx-arm64"]'


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, with an index on loopback as its default one."""
    assert index_server.url
    return command_line


def test_a_package_that_does_not_exist(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("uproot", "1.0")
    lamina.write("lamina.toml", stack_text('uproot = "*"\nuprot = ">=5"'))
    answer = lamina("lock", expect=4)
    assert "the index 'pypi' has no package 'uprot' (packages.uprot = '>=5')" in answer.stderr
    assert "did you mean 'uproot'?" in answer.stderr


def test_a_dependency_that_does_not_exist(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("app", "1.0", ["gone>=2"])
    lamina.write("lamina.toml", stack_text('app = "*"'))
    answer = lamina("lock", expect=4)
    assert "has no package 'gone' (needed by app)" in answer.stderr


def test_no_version_in_range(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("app", "1.0")
    lamina.write("lamina.toml", stack_text('app = ">=7"'))
    answer = lamina("lock", expect=4)
    assert "no version meets what the stack asks for linux-64/3.12" in answer.stderr
    assert "packages.app = '>=7'" in answer.stderr
    assert "the index offers app==1.0" in answer.stderr


def test_a_conflict_names_both_sides_and_their_lines(
    lamina: CommandLine, index_server: IndexServer
) -> None:
    index_server.wheel("left", "1.0", ["common<2"])
    index_server.wheel("right", "1.0", ["middle"])
    index_server.wheel("middle", "1.0", ["common>=2"])
    for version in ("1.0", "2.0"):
        index_server.wheel("common", version)
    lamina.write("lamina.toml", stack_text('left = "*"\nright = "==1.0"'))
    answer = lamina("lock", expect=4)
    [message] = [line for line in answer.stderr.splitlines() if line.startswith("error:")]
    assert len(message) < 400
    for part in (
        "left needs common<2",
        "middle needs common>=2",
        "right needs middle",
        "packages.left = '*'",
        "packages.right = '==1.0'",
        "linux-64/3.12",
    ):
        assert part in message
    [log] = re.findall(r"hint: the resolver's whole explanation is in (\S+)", answer.stderr)
    assert "we can conclude" in Path(log).read_text()


def test_a_conflict_with_the_stack_itself(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("left", "1.0", ["common<2"])
    index_server.wheel("common", "2.0")
    index_server.wheel("common", "1.0")
    lamina.write("lamina.toml", stack_text('left = "*"\ncommon = ">=2"'))
    answer = lamina("lock", expect=4)
    assert "left needs common<2" in answer.stderr
    assert "packages.common = '>=2'" in answer.stderr


def test_no_wheel_for_a_platform(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("native", "1.0", tag=LINUX)
    index_server.wheel("native", "2.0", tag="cp312-cp312-win_amd64")
    index_server.sdist("native", "2.0")
    lamina.write("lamina.toml", stack_text('native = "*"', platforms=BOTH))
    answer = lamina("lock", expect=4)
    assert "no wheel of native (packages.native = '*') for osx-arm64/3.12" in answer.stderr
    assert "native 1.0: linux-64" in answer.stderr
    assert "native 2.0: win-64" in answer.stderr
    assert 'native = { version = ..., platforms = ["linux-64"] }' in answer.stderr


def test_no_wheel_at_all(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.sdist("pure", "1.0")
    lamina.write("lamina.toml", stack_text('pure = "*"'))
    answer = lamina("lock", expect=4)
    assert "pure 1.0: none, sources only" in answer.stderr
    assert "source = true" in answer.stderr


def test_no_wheel_for_a_python(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("native", "1.0", tag="cp39-cp39-manylinux_2_17_x86_64")
    lamina.write("lamina.toml", stack_text('native = "*"'))
    answer = lamina("lock", expect=4)
    assert "native 1.0: other Pythons only (cp39)" in answer.stderr or (
        "native 1.0: other Pythons only" in answer.stderr
    )


def test_no_wheel_for_a_system_as_old_as_the_floor(
    lamina: CommandLine, index_server: IndexServer
) -> None:
    index_server.wheel("native", "1.0", tag="cp312-cp312-manylinux_2_39_x86_64")
    lamina.write("lamina.toml", stack_text('native = "*"'))
    answer = lamina("lock", expect=4)
    assert "no wheel of native" in answer.stderr
    assert "linux-64 for newer systems than resolve.glibc = '2.28'" in answer.stderr


def test_another_version_with_a_wheel_is_taken(
    lamina: CommandLine, index_server: IndexServer
) -> None:
    index_server.wheel("native", "1.0", tag=LINUX)
    index_server.wheel("native", "1.0", tag=MACOS)
    index_server.wheel("native", "2.0", tag=LINUX)
    lamina.write("lamina.toml", stack_text('native = "*"', platforms=BOTH))
    lamina("lock")
    text = (lamina.directory / "lamina.lock").read_text()
    assert f"native-1.0-{MACOS}.whl" in text


def test_python_is_too_old(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("modern", "1.0", requires_python=">=3.14")
    lamina.write("lamina.toml", stack_text('modern = "*"'))
    answer = lamina("lock", expect=4)
    assert "modern==1.0 needs Python >=3.14; the stack is for Python 3.12" in answer.stderr
    assert "packages.modern" in answer.stderr


def test_an_index_that_is_not_there(lamina: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    lamina.write("lamina.toml", stack_text('app = "*"'))
    answer = lamina("lock", expect=8)
    assert "127.0.0.1:9" in answer.stderr
    assert not (lamina.directory / "lamina.lock").exists()


def test_an_index_that_is_busy_is_asked_again(
    lamina: CommandLine, index_server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_server.wheel("app", "1.0")
    index_server.failures["/simple/app/"] = 1
    lamina.write("lamina.toml", stack_text('app = "*"'))
    lamina("lock", expect=8)
    index_server.failures["/simple/app/"] = 1
    monkeypatch.setenv("UV_HTTP_RETRIES", "3")
    lamina("lock")


def test_the_log_is_that_of_the_last_run(lamina: CommandLine, index_server: IndexServer) -> None:
    index_server.wheel("app", "1.0")
    for wanted in (">=7", ">=8"):
        lamina.write("lamina.toml", stack_text(f'app = "{wanted}"'))
        answer = lamina("lock", expect=4)
    [log] = re.findall(r"whole explanation is in (\S+)", answer.stderr)
    assert "app>=8" in Path(log).read_text()
    assert "app>=7" not in Path(log).read_text()


def test_a_name_that_is_not_a_package(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text(""))
    assert "--upgrade-package" in lamina("lock", "-P", "a b", expect=2).stderr
