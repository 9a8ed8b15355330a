from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.durability import flush_file_system
from lamina.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class FaultError(Exception):
    """What the tests raise in the place of an operation."""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a small tree with a script, a link and directories."""
    top = tmp_path / "tree"
    (top / "bin").mkdir(parents=True)
    (top / "lib" / "empty").mkdir(parents=True)
    (top / "bin" / "tool").write_text("#!/bin/sh\n")
    (top / "bin" / "tool").chmod(0o700)
    (top / "lib" / "data").write_text("data")
    (top / "lib" / "link").symlink_to("data")
    return top


OPERATIONS: dict[str, Callable[[Path], None]] = {
    "mkdir": lambda top: fs.make_directory(top / "new" / "deep"),
    "write": lambda top: fs.write_text(top / "new", "text"),
    "append": lambda top: fs.append_line(top / "lib" / "data", "line"),
    "symlink": lambda top: fs.symlink(top / "lib" / "link", "elsewhere"),
    "rename": lambda top: fs.rename(top / "lib", top / "moved"),
    "copy": lambda top: fs.copy_file(top / "lib" / "data", top / "copied"),
    "copytree": lambda top: fs.copy_tree(top / "lib", top / "copied"),
    "unlink": lambda top: fs.remove_file(top / "lib" / "data"),
    "rmtree": lambda top: fs.remove_tree(top / "lib"),
    "chmod": fs.make_read_only,
    "sync": flush_file_system,
}


def snapshot(top: Path) -> list[tuple[str, int, str]]:
    return sorted(
        (
            str(path.relative_to(top)),
            mode(path),
            str(path.readlink())
            if path.is_symlink()
            else path.read_text()
            if path.is_file()
            else "",
        )
        for path in top.rglob("*")
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_change_is_announced_before_it_is_made(tree: Path, operation: str) -> None:
    before = snapshot(tree)
    seen: list[str] = []

    def observer(name: str, path: Path) -> None:
        seen.append(name)
        assert path.is_relative_to(tree)
        assert snapshot(tree) == before

    with fs.observe(observer):
        OPERATIONS[operation](tree)
    assert seen == [operation]
    assert operation == "sync" or snapshot(tree) != before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_fault_in_its_place_changes_nothing(tree: Path, operation: str) -> None:
    before = snapshot(tree)

    def observer(_name: str, _path: Path) -> None:
        raise FaultError

    with fs.observe(observer), pytest.raises(FaultError):
        OPERATIONS[operation](tree)
    assert snapshot(tree) == before


def test_an_observer_is_gone_after_its_block_even_when_that_fails(tmp_path: Path) -> None:
    seen: list[str] = []
    with pytest.raises(FaultError), fs.observe(lambda name, _: seen.append(name)):
        raise FaultError
    fs.make_directory(tmp_path / "a")
    assert seen == []


def test_observers_nest(tmp_path: Path) -> None:
    seen: list[str] = []
    with (
        fs.observe(lambda name, _: seen.append(f"outer {name}")),
        fs.observe(lambda name, _: seen.append(f"inner {name}")),
    ):
        fs.make_directory(tmp_path / "a")
    assert seen == ["outer mkdir", "inner mkdir"]


class TestWriting:
    def test_the_file_has_the_text_and_the_mode(self, tmp_path: Path) -> None:
        fs.write_text(tmp_path / "a", "Grüße\n", mode=0o600)
        assert (tmp_path / "a").read_bytes() == "Grüße\n".encode()
        assert mode(tmp_path / "a") == 0o600

    def test_the_mode_does_not_depend_on_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0o077)
        try:
            fs.write_text(tmp_path / "a", "")
        finally:
            os.umask(before)
        assert mode(tmp_path / "a") == 0o644

    def test_a_read_only_file_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("old")
        (tmp_path / "a").chmod(0o444)
        fs.write_text(tmp_path / "a", "new")
        assert (tmp_path / "a").read_text() == "new"

    def test_whoever_has_the_old_file_open_keeps_it(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("old")
        with path.open() as stream:
            fs.write_text(path, "new")
            assert stream.read() == "old"

    def test_failure_leaves_the_old_content_and_nothing_else(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.mkdir()
        (path / "kept").write_text("old")
        with pytest.raises(StorageError):
            fs.write_text(path, "a file cannot replace a directory")
        assert names(tmp_path) == ["a"]
        assert names(path) == ["kept"]

    def test_the_directory_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="No such file"):
            fs.write_text(tmp_path / "missing" / "a", "")

    def test_lines_are_added(self, tmp_path: Path) -> None:
        fs.append_line(tmp_path / "history", "one")
        fs.append_line(tmp_path / "history", "zwei ü")
        assert (tmp_path / "history").read_text(encoding="utf-8") == "one\nzwei ü\n"


@pytest.mark.parametrize("before", ["nothing", "file", "link", "dangling"])
def test_a_link_replaces_what_is_there(tmp_path: Path, before: str) -> None:
    path = tmp_path / "tier"
    match before:
        case "file":
            path.write_text("x")
        case "link":
            path.symlink_to(tmp_path)
        case "dangling":
            path.symlink_to("nowhere")
    fs.symlink(path, "releases/1")
    assert str(path.readlink()) == "releases/1"
    assert names(tmp_path) == ["tier"]


def test_a_link_does_not_replace_a_directory(tmp_path: Path) -> None:
    (tmp_path / "tier").mkdir()
    with pytest.raises(StorageError):
        fs.symlink(tmp_path / "tier", "x")
    assert names(tmp_path) == ["tier"]


def test_a_tree_moves_over_an_empty_directory(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    fs.rename(tree, tmp_path / "final")
    assert names(tmp_path) == ["final"]
    assert names(tmp_path / "final") == ["bin", "lib"]


def test_a_tree_does_not_move_over_a_full_directory(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "kept").touch()
    with pytest.raises(StorageError, match="not empty"):
        fs.rename(tree, tmp_path / "final")
    assert names(tmp_path / "final") == ["kept"]
    assert names(tree) == ["bin", "lib"]


def test_copies_keep_links_and_modes(tree: Path, tmp_path: Path) -> None:
    fs.copy_tree(tree, tmp_path / "copy")
    assert snapshot(tmp_path / "copy") == snapshot(tree)


def test_a_copy_leaves_out_what_it_is_told(tree: Path, tmp_path: Path) -> None:
    fs.copy_tree(tree, tmp_path / "copy", ignore=lambda _, there: {"lib"} & set(there))
    assert names(tmp_path / "copy") == ["bin"]


def test_a_tree_that_cannot_be_copied_is_a_storage_error(tree: Path, tmp_path: Path) -> None:
    os.mkfifo(tree / "lib" / "pipe")
    with pytest.raises(StorageError) as caught:
        fs.copy_tree(tree, tmp_path / "copy")
    assert "[(" not in caught.value.message


class TestReadOnly:
    def test_every_mode_is_set(self, tree: Path) -> None:
        fs.make_read_only(tree)
        assert mode(tree) == mode(tree / "lib" / "empty") == 0o555
        assert mode(tree / "bin" / "tool") == 0o555
        assert mode(tree / "lib" / "data") == 0o444
        assert (tree / "lib" / "link").is_symlink()
        fs.remove_tree(tree)

    def test_a_link_out_of_the_tree_is_not_followed(self, tree: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir(mode=0o755)
        (outside / "file").write_text("x")
        (tree / "away").symlink_to(outside)
        (tree / "file").symlink_to(outside / "file")
        fs.make_read_only(tree)
        assert mode(outside) == 0o755
        assert mode(outside / "file") == 0o644
        fs.remove_tree(tree)
        assert names(outside) == ["file"]

    def test_it_is_removed_all_the_same(self, tree: Path) -> None:
        fs.make_read_only(tree)
        fs.remove_tree(tree)
        assert not tree.exists()


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    fs.remove_tree(tmp_path / "a")
    fs.remove_file(tmp_path / "a")


def test_removing_a_link_keeps_what_it_points_to(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree)
    fs.remove_tree(tmp_path / "link")
    assert names(tmp_path) == ["tree"]
    assert names(tree) == ["bin", "lib"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param(errno.ENOSPC, "no space left", id="full"),
        pytest.param(errno.EDQUOT, "the quota is used up", id="quota"),
        pytest.param(errno.EROFS, "read-only", id="read-only"),
        pytest.param(errno.EACCES, "permission denied", id="denied"),
        pytest.param(errno.EPERM, "not permitted", id="not-permitted"),
    ],
)
def test_reasons_of_the_system_have_a_hint(tmp_path: Path, code: int, words: str) -> None:
    error = fs.storage_error(OSError(code, "whatever"), tmp_path / "a")
    assert words in error.message
    assert error.message.startswith(str(tmp_path / "a"))
    assert len(error.hints) == 1
    assert error.exit_code == 1


def test_a_reason_without_a_hint_keeps_the_words_of_the_system(tmp_path: Path) -> None:
    error = fs.storage_error(OSError(errno.ENAMETOOLONG, "File name too long"), tmp_path)
    assert error.message == f"{tmp_path}: File name too long"
    assert error.hints == ()


def test_a_full_disk_is_found_in_what_copying_a_tree_collects(tmp_path: Path) -> None:
    collected = shutil.Error([("a", "b", f"[Errno {errno.ENOSPC}] No space left on device: 'b'")])
    assert "no space left" in fs.storage_error(collected, tmp_path).message


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fs.sha256_of(tmp_path / "a") == known


@pytest.mark.parametrize(
    "swap", [fs.exchange, fs._exchange_by_renames], ids=["in-one-step", "by-renames"]
)
def test_two_paths_are_swapped(tmp_path: Path, swap: Callable[[Path, Path], None]) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    (one / "inside").write_text("of one", encoding="utf-8")
    other.write_text("other", encoding="utf-8")
    swap(one, other)
    assert one.read_text(encoding="utf-8") == "other"
    assert (other / "inside").read_text(encoding="utf-8") == "of one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


def test_swapping_with_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("one", encoding="utf-8")
    with pytest.raises(StorageError, match="one: No such file"):
        fs.exchange(one, other)
    with pytest.raises(FileNotFoundError):
        fs._exchange_by_renames(one, other)
    assert one.read_text(encoding="utf-8") == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_swapping_is_announced(tmp_path: Path) -> None:
    seen: list[tuple[str, Path]] = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with fs.observe(lambda operation, path: seen.append((operation, path))):
        fs.exchange(tmp_path / "one", tmp_path / "other")
    assert seen == [("exchange", tmp_path / "one")]
