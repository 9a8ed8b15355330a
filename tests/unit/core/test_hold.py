from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path


def test_one_holds_and_the_other_reads_who(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with fs.hold(lock, "ada") as first, fs.hold(lock, "grace") as second:
        assert (first, second) == (None, "ada")
    assert lock.read_text() == ""
    with fs.hold(lock, "grace") as third:
        assert third is None


def test_an_error_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with pytest.raises(KeyError), fs.hold(lock, "ada"):
        raise KeyError
    with fs.hold(lock, "grace") as other:
        assert other is None


def test_a_lock_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError), fs.hold(tmp_path / "missing" / "lock", "ada"):
        pass


def test_a_link_in_the_place_of_the_lock_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "lock").symlink_to(tmp_path / "thesis.tex")
    with pytest.raises(StorageError), fs.hold(tmp_path / "lock", "ada"):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        pytest.param("empty", True, id="empty"),
        pytest.param("missing", True, id="missing"),
        pytest.param("full", False, id="full"),
        pytest.param("file", False, id="file"),
    ],
)
def test_only_an_empty_directory_is_removed(tmp_path: Path, name: str, gone: bool) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    (tmp_path / "file").write_text("")
    assert fs.remove_empty_directory(tmp_path / name) is gone
    assert (tmp_path / name).exists() is not gone


def test_a_mode_is_set(tmp_path: Path) -> None:
    fs.set_mode(tmp_path, 0o700)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_file_that_need_not_be_durable_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)
    fs.write_text(tmp_path / "fast", "text", durable=False)
    assert ((tmp_path / "fast").read_text(), waits) == ("text", [])
    fs.write_text(tmp_path / "safe", "text")
    assert len(waits) == 1
