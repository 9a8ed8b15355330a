from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError, IntegrityError, StorageError
from lamina.release.mtree import (
    Entry,
    dump_mtree,
    hash_files,
    parse_mtree,
    read_tree,
    really_inside,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.mtree import Identity


def test_a_tree_is_listed_in_standard_form(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "a b#ü").write_text("x")
    (tmp_path / "bin" / "a b#ü").chmod(0o555)
    (tmp_path / "link").symlink_to("bin/a b#ü")
    (tmp_path / "bin").chmod(0o755)
    (tmp_path / ".lamina").mkdir(mode=0o755)
    (tmp_path / ".lamina" / "release.toml").write_text("not listed")
    (tmp_path / ".lamina" / "files.mtree").write_text("not listed")
    (tmp_path / ".lamina").chmod(0o755)
    entries, _ = read_tree(tmp_path)
    digest = hashlib.sha256(b"x").hexdigest()
    assert dump_mtree(entries).splitlines() == [
        "#mtree",
        "./.lamina type=dir mode=0755",
        "./bin type=dir mode=0755",
        rf"./bin/a\040b\043\303\274 type=file mode=0555 size=1 sha256digest={digest}",
        r"./link type=link link=bin/a\040b\043\303\274",
    ]
    assert parse_mtree(dump_mtree(entries), "files.mtree") == entries


@pytest.mark.parametrize(
    "name", ["plain", "a b", "new\nline", "back\\slash", "#hash", "ä\udc80", "tab\t", "=equals"]
)
def test_any_name_survives(name: str) -> None:
    entries = {
        name: Entry(kind="file", mode=0o444, size=3, sha256="0" * 64),
        f"{name}2": Entry(kind="link", target=name),
    }
    text = dump_mtree(entries)
    assert text.isascii()
    assert parse_mtree(text, "files.mtree") == entries


@pytest.mark.parametrize(
    ("content", "hit"),
    [
        pytest.param(b"abc", False, id="absent"),
        pytest.param(b"..needle..", True, id="present"),
        pytest.param(b"." * ((1 << 22) - 3) + b"needle", True, id="across-blocks"),
        pytest.param(b"." * (1 << 22) + b"needle", True, id="second-block"),
    ],
)
def test_files_that_contain_a_name_are_found(tmp_path: Path, content: bytes, hit: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "link").symlink_to("/some/needle/path" if hit else "/some/path")
    entries, hits = read_tree(tmp_path, needle=b"needle")
    assert hits == (["file", "link"] if hit else [])
    assert entries["file"].sha256 == hashlib.sha256(content).hexdigest()


def test_what_was_seen_is_not_read_again_until_it_is_written_to(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for tree in (one, other):
        tree.mkdir()
    (one / "file").write_text("content")
    (other / "same").hardlink_to(one / "file")
    (other / "own").write_text("content")
    seen: dict[Identity, str] = {}
    digest = read_tree(one, seen=seen)[0]["file"].sha256
    assert list(seen.values()) == [digest]
    seen[next(iter(seen))] = "as seen"
    entries, _ = read_tree(other, seen=seen)
    assert (entries["same"].sha256, entries["own"].sha256) == ("as seen", digest)
    (one / "file").write_text("changed")
    assert read_tree(other, seen=seen)[0]["same"].sha256 == hashlib.sha256(b"changed").hexdigest()


def test_it_says_how_far_it_is(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"file {number}").write_text("")
    steps: list[int] = []
    read_tree(tmp_path, advance=steps.append)
    assert len(steps) > 1
    assert 100 < sum(steps) <= 150


def test_files_are_hashed_as_far_as_they_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a needle")
    (tmp_path / "link").symlink_to("file")
    names = ("file", "link", "missing", "")
    found = hash_files((f"{tmp_path}/{name}" for name in names), needle=b"needle")
    file, *others = found.values()
    assert file is not None
    assert (file.sha256, file.size, file.hit) == (hashlib.sha256(b"a needle").hexdigest(), 8, True)
    assert others == [None, None, None]


def test_what_no_release_can_have_is_refused(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="neither a file nor a link"):
        read_tree(tmp_path)


EMPTY = f"type=file mode=0444 size=0 sha256digest={hashlib.sha256().hexdigest()}"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"./../secret {EMPTY}", "a path that goes up"),
        (f"./bin/../../secret {EMPTY}", "a path that goes up"),
        (f"/etc/passwd {EMPTY}", "an absolute path"),
        (r"./\057etc type=dir mode=0755", "an absolute path"),
        (r"./\056\056 type=link link=bin", "a path that goes up"),
        (f"./bin//it {EMPTY}", "not in its shortest form"),
        (r"./it\000 type=dir mode=0755", "a zero byte"),
        (f"./nowhere/it {EMPTY}", "in no directory"),
        (f"./out/secret {EMPTY}", "in no directory"),
        (f"./it/below {EMPTY}", "in no directory"),
    ],
)
def test_a_path_that_may_lead_out_of_the_tree_is_refused(line: str, why: str) -> None:
    sound = ["#mtree", "./bin type=dir mode=0755", f"./it {EMPTY}", "./out type=link link=/etc"]
    assert len(parse_mtree("\n".join(sound), "files.mtree")) == 3
    with pytest.raises(IntegrityError, match=rf"files.mtree: '.*' in it is {why}|{why}"):
        parse_mtree("\n".join([*sound, line]), "files.mtree")


def test_what_is_below_a_link_is_not_really_inside(tmp_path: Path) -> None:
    (tmp_path / "lib" / "deep").mkdir(parents=True)
    (tmp_path / "away").symlink_to("lib")
    (tmp_path / "lib" / "up").symlink_to("..")
    paths = ["it", "lib/deep/it", "away", "away/deep/it", "lib/up/it", "lib/missing/it"]
    inside = ["it", "lib/deep/it", "away", "lib/missing/it"]
    assert list(really_inside(tmp_path, paths)) == inside


@pytest.mark.parametrize(
    "line",
    [
        "./a",
        "./a type=file",
        "./a type=file mode=8 size=1 sha256digest=0",
        "./a type=char",
        "./a b",
    ],
)
def test_a_bad_line_is_named(line: str) -> None:
    with pytest.raises(DocumentError, match="line 2: not an entry"):
        parse_mtree(f"#mtree\n{line}\n", "files.mtree")
