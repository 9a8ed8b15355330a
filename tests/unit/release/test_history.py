"""The history of tiers keeps who, when and why, and survives what stops a writer."""

from __future__ import annotations

import json
import os
import pwd
import stat
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.model.names import TierName
from lamina.release.history import Author, read_history
from lamina.release.tiers import promote, rollback
from support.roots import HEP, Clock, release_of, root_with

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.root import Root

STABLE = TierName("stable")
ACCOUNT = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root, clock = root_with(tmp_path / "root", "1.0", "1.1"), Clock()
    promote(root, release_of(root, "1.0"), [STABLE], clock.change("first"))
    promote(root, release_of(root, "1.1"), [STABLE], clock.change("µ → 2"))
    return root


@pytest.mark.parametrize(("directory", "file"), [(0o755, 0o644), (0o775, 0o664)])
@pytest.mark.parametrize("torn", [False, True])
def test_everybody_can_read_it_whatever_the_umask(
    tmp_path: Path, directory: int, file: int, *, torn: bool
) -> None:
    """Which release is the newest that is in service says the history alone."""
    root, clock = root_with(tmp_path / "root", "1.0", "1.1"), Clock()
    path = root.path / "history" / "hep.jsonl"
    path.parent.mkdir()
    path.parent.chmod(directory)
    before = os.umask(0o077)
    try:
        promote(root, release_of(root, "1.0"), [STABLE], clock.change())
        if torn:
            path.write_bytes(path.read_bytes() + b"{")
            promote(root, release_of(root, "1.1"), [STABLE], clock.change())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == file


def lines(root: Root) -> list[str]:
    return (root.path / "history" / "hep.jsonl").read_text(encoding="utf-8").splitlines()


def test_a_line_says_all(root: Root) -> None:
    assert json.loads(lines(root)[1]) == {
        "time": "2026-11-01T12:00:02Z", "action": "promote", "tier": "stable",
        "from": "1.0", "to": "1.1", "user": "lib", "host": "node1", "why": "µ → 2",
    }  # fmt: skip


def test_what_is_written_is_read(root: Root) -> None:
    moves = read_history(root.path, HEP)
    assert [json.dumps(one.value()) for one in moves] == lines(root)


def test_nothing_was_ever_moved(tmp_path: Path) -> None:
    assert read_history(tmp_path, HEP) == []


@pytest.mark.parametrize("kept", [1, 20, 60])
def test_an_unfinished_last_line_is_passed_over_and_cut_off(root: Root, kept: int) -> None:
    path = root.path / "history" / "hep.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[0][:kept])
    assert len(read_history(root.path, HEP)) == 2
    rollback(root, HEP, STABLE, Clock().change(), to=None)
    assert [one.action for one in read_history(root.path, HEP)][2:] == ["rollback"]
    assert path.read_bytes().startswith(whole)
    assert len(lines(root)) == 3


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("nonsense", id="no-json"),
        pytest.param("[1]", id="no-table"),
        pytest.param('{"time": "2026-11-01T12:00:02Z"}', id="fields-missing"),
        pytest.param(
            '{"time": "yesterday", "action": "promote", "tier": "a", "from": null, "to": "1",'
            ' "user": "", "host": "", "why": ""}',
            id="no-time",
        ),
        pytest.param(
            '{"time": "2026-11-01T12:00:02Z", "action": "explode", "tier": "a", "from": null,'
            ' "to": "1", "user": "", "host": "", "why": ""}',
            id="no-action",
        ),
        pytest.param(
            '{"time": "2026-11-01T12:00:02Z", "action": "promote", "tier": "../a", "from": null,'
            ' "to": "1", "user": "", "host": "", "why": ""}',
            id="no-tier",
        ),
    ],
)
def test_a_line_that_is_no_move_is_named(root: Root, line: str) -> None:
    path = root.path / "history" / "hep.jsonl"
    path.write_text(f"{line}\n{path.read_text()}", encoding="utf-8")
    with pytest.raises(DocumentError, match="line 1: no move of a tier"):
        read_history(root.path, HEP)


def test_a_tear_within_a_letter(root: Root) -> None:
    """Written by something else than lamina, which writes nothing but ASCII."""
    path = root.path / "history" / "hep.jsonl"
    whole = path.read_bytes()
    assert whole.isascii()
    path.write_bytes(whole + '{"why": "d\u00e9'.encode()[:-1])
    assert len(read_history(root.path, HEP)) == 2
    rollback(root, HEP, STABLE, Clock().change("d\udcff\u00e9but"), to=None)
    assert [one.why for one in read_history(root.path, HEP)][2:] == ["d\udcff\u00e9but"]


def test_a_last_line_that_only_lacks_its_end_counts(root: Root) -> None:
    path = root.path / "history" / "hep.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read_history(root.path, HEP)) == 2
    rollback(root, HEP, STABLE, Clock().change(), to=None)
    assert [one.action for one in read_history(root.path, HEP)] == [
        "promote", "promote", "rollback",
    ]  # fmt: skip


def test_text_that_is_not_utf_8(root: Root) -> None:
    (root.path / "history" / "hep.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(DocumentError):
        read_history(root.path, HEP)


@pytest.mark.parametrize(
    ("environ", "user"),
    [({"LOGNAME": "a", "USER": "b"}, "a"), ({"USER": "b"}, "b"), ({"LOGNAME": ""}, ACCOUNT)],
)
def test_who(environ: dict[str, str], user: str) -> None:
    assert Author.of(environ).user == user
