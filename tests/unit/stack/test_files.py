from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.model.platforms import Platform, PythonSeries
from lamina.stack.files import digest_of_resolution, find_stack, load_stack, parse_stack
from support.stack_files import BROKEN, EXAMPLES, SMALLEST, STACKS, VALID

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_all_that_is_wrong_is_said(path: Path) -> None:
    expected = path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    with pytest.raises(DocumentError) as caught:
        load_stack(path)
    assert [str(one) for one in caught.value.problems] == expected
    assert caught.value.message.startswith(f"{path}: {len(expected)} problem")


def test_there_are_broken_and_valid_stacks() -> None:
    assert len(BROKEN) > 20
    assert len(VALID) > 3
    assert {path.parent.name for path in EXAMPLES} == {
        *("hep-start", "hep-small", "hep-analysis", "hep-large", "source-stack"),
        "numpy-from-source",
    }


@pytest.mark.parametrize("path", [*VALID, *EXAMPLES], ids=lambda path: path.parent.name + path.stem)
def test_valid_stacks_load(path: Path) -> None:
    assert load_stack(path).stack.name


def test_credentials_are_never_repeated() -> None:
    with pytest.raises(DocumentError) as caught:
        load_stack(STACKS / "broken" / "addresses.toml")
    assert "s3cret" not in caught.value.message


def test_every_field() -> None:
    stack = load_stack(STACKS / "valid" / "everything.toml")
    assert stack.stack.version.source == "git"
    assert stack.stack.python == (PythonSeries(3, 11), PythonSeries(3, 12))
    assert stack.resolve.exclude_newer == datetime(2026, 11, 2, tzinfo=UTC)
    assert (stack.resolve.glibc, stack.resolve.macos) == ((2, 17), (13, 0))
    assert sorted(stack.packages) == ["mytool", "numpy", "root", "six", "theano"]
    assert stack.packages["root"].platforms == (Platform.LINUX_64,)  # type: ignore[index]
    hold = stack.packages["theano"].hold  # type: ignore[index]
    assert hold is not None
    assert hold.together == ("six",)


def test_a_time_is_taken_in_utc() -> None:
    stack = load_stack(STACKS / "valid" / "a-moment.toml")
    assert stack.resolve.exclude_newer == datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


def test_defaults() -> None:
    stack = parse_stack(SMALLEST, "x.toml")
    assert stack.resolve.only_binary
    assert not stack.resolve.closed
    assert stack.resolve.index == "pypi"
    assert not stack.stack.bundle
    assert stack.packages == {}


def test_find_stack_looks_above(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "lamina.toml").write_text(SMALLEST)
    assert find_stack(inner) == tmp_path / "lamina.toml"
    (inner / "lamina.toml").write_text(SMALLEST)
    assert find_stack(inner) == inner / "lamina.toml"


def test_no_stack_anywhere(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="nor in any directory above") as caught:
        find_stack(tmp_path)
    assert caught.value.hints == ("lamina init",)


@pytest.mark.parametrize(
    ("addition", "same"),
    [
        pytest.param("[test]\nimports = ['os']\n", True, id="tests"),
        pytest.param("# a comment\n", True, id="comment"),
        pytest.param("[packages]\nnumpy = '*'\n", False, id="package"),
        pytest.param("[groups]\na = ['numpy']\n", False, id="group"),
        pytest.param("[resolve]\nexclude-newer = 2026-11-01\n", False, id="time"),
        pytest.param("[resolve]\nglibc = '2.17'\n", False, id="floor"),
    ],
)
def test_the_digest_covers_what_decides_the_resolution(addition: str, same: bool) -> None:
    plain, other = (parse_stack(text, "x") for text in (SMALLEST, SMALLEST + addition))
    assert (digest_of_resolution(plain) == digest_of_resolution(other)) is same


def test_the_digest_does_not_depend_on_spelling_or_version() -> None:
    one = SMALLEST + '[packages]\nFoo_Bar = "*"\nnumpy = { version = ">=2" }\n'
    two = SMALLEST.replace("1.0", "2.0") + '[packages]\nnumpy = ">=2"\nfoo-bar = "*"\n'
    assert digest_of_resolution(parse_stack(one, "x")) == digest_of_resolution(
        parse_stack(two, "x")
    )


@pytest.mark.parametrize(
    ("make", "found"),
    [
        pytest.param(Path.mkdir, "not a file", id="directory"),
        pytest.param(os.mkfifo, "not a file", id="pipe"),
        pytest.param(
            lambda path: path.symlink_to("gone"), "a link to what is not there", id="dangling link"
        ),
    ],
)
def test_what_is_no_file_does_not_lead_to_the_stack_above(
    tmp_path: Path, make: Callable[[Path], None], found: str
) -> None:
    (tmp_path / "lamina.toml").write_text(SMALLEST)
    (tmp_path / "mine").mkdir()
    make(tmp_path / "mine" / "lamina.toml")
    with pytest.raises(DocumentError, match=found) as caught:
        find_stack(tmp_path / "mine")
    assert caught.value.path == tmp_path / "mine" / "lamina.toml"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        pytest.param("  ", "an empty command, which tests nothing", id="empty"),
        pytest.param("a\\u0000b", "a command cannot contain a NUL", id="NUL"),
    ],
)
def test_commands_that_cannot_be(command: str, found: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_stack(f'{SMALLEST}\n[test]\ncommands = ["{command}"]\n', "lamina.toml")
    assert [str(one) for one in caught.value.problems] == [f"test.commands[0]: {found}"]
