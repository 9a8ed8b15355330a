"""``lamina check`` of a lock and of what was installed from it: both find the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lamina.lock.files import load_lock, save_lock
from lamina.model.digests import parse_sha256
from lamina.model.platforms import current_platform
from support.planted import unpack, with_file
from support.stacks import stack_text

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.index_server import IndexServer

HERE = f'["{current_platform()}"]'
RESOLVE = "closed = true\nexclude-newer = 2026-09-01"
LINES = 'app = "*"\nlib = "*"\nmodern = "*"\nnative = "*"\nsix = "*"'


@pytest.fixture
def index(index_server: IndexServer) -> IndexServer:
    index_server.wheel("app", "1.0", ["lib>=2", "six", "native"])
    index_server.wheel(
        "app", "1.1", ["lib>=2", "gone>=3", "native"], uploaded="2026-10-01T00:00:00Z"
    )
    index_server.wheel("lib", "1.0", ["gone"])
    index_server.wheel("lib", "2.0", ["six>=1"])
    index_server.wheel("modern", "1.0", requires_python="<3.12")
    index_server.wheel("modern", "2.0", requires_python=">=3.9")
    index_server.wheel("native", "1.0")
    index_server.wheel("native", "0.9", tag="cp312-cp312-win_arm64")
    index_server.wheel("six", "1.0")
    index_server.wheel("stray", "1.0", ["app<1"])
    return index_server


@pytest.fixture
def lamina(index: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program in the directory of a closed stack with its lock."""
    assert index.url
    command_line.write("lamina.toml", stack_text(LINES, platforms=HERE, resolve=RESOLVE))
    command_line("lock")
    return command_line


def findings(lamina: CommandLine, *more: str | Path, expect: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lamina("check", "--json", *more, expect=expect).json["findings"]
    return found


def plant(lamina: CommandLine, index: IndexServer) -> None:
    """Put one fault of each kind into the lock."""
    lock = load_lock(lamina.directory / "lamina.lock")
    for name, version in (
        ("app", "1.1"),
        ("lib", "1.0"),
        ("modern", "1.0"),
        ("native", "0.9"),
        ("stray", "1.0"),
    ):
        [file] = [one for one in index.offers[name] if f"-{version}-" in one.filename]
        lock = with_file(lock, name, version, file.filename, parse_sha256(file.sha256))
    save_lock(lock, lamina.directory / "lamina.lock")


def install(lamina: CommandLine, index: IndexServer) -> Path:
    """Return a prefix with what the lock says."""
    prefix = lamina.directory / "prefix"
    site = prefix / "lib" / "python3.12" / "site-packages"
    contents = {one.filename: one.content for many in index.offers.values() for one in many}
    for package in load_lock(lamina.directory / "lamina.lock").packages:
        unpack(contents[package.artifacts[0].file], site)
    return prefix


def test_lock_and_prefix_are_in_order(lamina: CommandLine, index: IndexServer) -> None:
    assert findings(lamina, expect=0) == []
    index.requests.clear()
    assert "in order: documents, lock, closed" in lamina("check").stdout
    assert findings(lamina, "--prefix", install(lamina, index), expect=0) == []
    assert index.requests == []


def test_lock_and_prefix_tell_the_same_faults(lamina: CommandLine, index: IndexServer) -> None:
    plant(lamina, index)
    found = findings(lamina, expect=4)
    assert [(one["kind"], one["package"], one["needed-by"]) for one in found] == [
        ("missing", "gone", ["app 1.1", "lib 1.0"]),
        ("missing", "stray", []),
        ("outside", "app", ["stray 1.0"]),
        ("outside", "lib", ["app 1.1"]),
        # The WHEEL inside says py3-none-any: the file name counts.
        ("platform", "native", ["app 1.1"]),
        ("python", "modern", []),
    ]
    assert findings(lamina, "--prefix", install(lamina, index), expect=4) == found


def test_each_fault_is_a_line(lamina: CommandLine, index: IndexServer) -> None:
    plant(lamina, index)
    answer = lamina("check", expect=4)
    for line in (
        "gone is not listed: app 1.1 needs it (gone>=3), lib 1.0 needs it (gone)",
        "stray is not listed: there is stray 1.0",
        "stray 1.0 needs app<1; there is app 1.1",
        "app 1.1 needs lib>=2; there is lib 1.0",
        "native 0.9 is for another platform: native-0.9-cp312-cp312-win_arm64.whl",
        "modern 1.0 is for another python: it requires <3.12",
    ):
        assert f"  {line}\n" in answer.stderr


def test_without_a_lock_the_index_tells_why_nothing_fits(
    lamina: CommandLine, index: IndexServer
) -> None:
    (lamina.directory / "lamina.lock").unlink()
    index.wheel("late", "1.0", ["gone"], requires_python=">=3.13")
    lines = 'modern = "==1.0"\nnative = "==0.9"\nlate = "*"'
    lamina.write("lamina.toml", stack_text(lines, platforms=HERE, resolve=RESOLVE))
    found = {one["package"]: one for one in findings(lamina, expect=4)}
    assert {name: one["kind"] for name, one in found.items()} == {
        "gone": "missing",
        "late": "python",
        "modern": "python",
        "native": "platform",
    }
    assert found["gone"]["needed-by"] == ["late 1.0"]
    assert found["late"]["message"].endswith("packages.late = '*': 1.0 is for >=3.13")


def test_reasons_of_waivers_make_no_lock_stale(lamina: CommandLine) -> None:
    named = LINES.replace('app = "*"', 'app = { version = "*", waive = ["six"] }')
    reasoned = named.replace('["six"]', '{ six = "brought by the framework" }')
    lamina.write("lamina.toml", stack_text(named, platforms=HERE, resolve=RESOLVE))
    lamina("lock")
    lamina.write("lamina.toml", stack_text(reasoned, platforms=HERE, resolve=RESOLVE))
    answer = lamina("check", "--json")
    assert answer.json["lock"] == "fresh"
    assert answer.json["waivers"] == ["app without six: brought by the framework"]
    empty = reasoned.replace("brought by the framework", " ")
    lamina.write("lamina.toml", stack_text(empty, platforms=HERE, resolve=RESOLVE))
    assert "packages.app.waive: six: no reason given" in lamina("check", expect=3).stderr


def test_a_file_that_the_index_has_no_more(lamina: CommandLine, index: IndexServer) -> None:
    del index.offers["lib"][1]
    answer = lamina("check", expect=1)
    assert "does not offer lib-2.0-py3-none-any.whl as it was locked" in answer.stderr


def test_a_prefix_of_an_open_stack_is_called_neither_closed_nor_unlisted(
    lamina: CommandLine, index: IndexServer
) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"', platforms=HERE))
    lamina("lock")
    prefix = install(lamina, index)
    assert "open set of packages" in lamina("check", "--prefix", prefix).stdout
    [six] = prefix.glob("lib/*/site-packages/six-1.0.dist-info")
    (six / "METADATA").unlink()
    answer = lamina("check", "--prefix", prefix, expect=4)
    assert f"error: {prefix} has 1 problem:\n" in answer.stderr
    assert "six is not there: " in answer.stderr
    assert "hint: install there what lamina.lock has" in answer.stderr
    assert "closed" not in answer.stderr
    assert "lamina add" not in answer.stderr
    assert "passed over, six-1.0.dist-info: its metadata cannot be read" in answer.stdout
    value = lamina("check", "--json", "--prefix", prefix, expect=4).json
    assert value["passed-over"] == ["six-1.0.dist-info: its metadata cannot be read"]


@pytest.mark.parametrize("made", [False, True], ids=["empty", "another-python"])
def test_a_prefix_without_the_python_of_the_stack(lamina: CommandLine, made: bool) -> None:
    prefix = lamina.directory / "prefix"
    (prefix / "lib/python3.9/site-packages" if made else prefix).mkdir(parents=True)
    said = "Python 3.9 on this machine is none of the stack's" if made else "no packages are"
    assert said in lamina("check", "--prefix", prefix, expect=2).stderr
