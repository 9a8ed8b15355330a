"""Another prefix is written into a tree, whatever kills it in between."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lamina._target import replacing, reprefix, unpack
from lamina._target.reprefix import RefusedError, digest_of, head_of, padded, renamed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OLD, NEW = b"/old/prefix", b"/a/new/prefix"
PAIRS = [(OLD, NEW)]
LONG = b"/" + b"d" * 150


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"home = /old/prefix\n", b"home = /a/new/prefix\n"),
        (b"-I/old/prefix/include:/old/prefix", b"-I/a/new/prefix/include:/a/new/prefix"),
        (b"/old/prefix-2 /old/prefixes", b"/old/prefix-2 /old/prefixes"),
        (b"#!/old/prefix/bin/python -I\nrest\n", b"#!/a/new/prefix/bin/python -I\nrest\n"),
        (b"#!/bin/sh\ncd /old/prefix\n", b"#!/bin/sh\ncd /a/new/prefix\n"),
    ],
    ids=["a line", "options", "other names", "a script", "a script of the shell"],
)
def test_a_text_names_the_new_prefix(before: bytes, after: bytes) -> None:
    assert renamed(before, PAIRS) == after


@pytest.mark.parametrize("new", [LONG, b"/with a blank/prefix"], ids=["long", "blank"])
def test_a_script_starts_through_the_shell_where_the_kernel_cannot_and_back_again(
    new: bytes,
) -> None:
    script = b"#!/old/prefix/bin/python\nprint('hello')\n"
    there = renamed(script, [(OLD, new)])
    assert there.startswith(b"#!/bin/sh\n'''exec' '" + new + b'/bin/python\' "$0"')
    assert renamed(there, [(new, OLD)]) == script


@pytest.mark.parametrize(
    ("script", "there"),
    [
        (b"#!/old/prefix/bin/python", b"#!/a/new/prefix/bin/python\n"),
        (b"#!/old/prefix/bin/python \nx\n", b"#!/a/new/prefix/bin/python\nx\n"),
        (b"#!/old/prefix/bin/python\t-I\r\nx\n", b"#!/a/new/prefix/bin/python -I\nx\n"),
        (
            b"#!/bin/sh\n'''exec' /old/prefix/bin/python \"$0\" \"$@\"\n' '''\nx\n",
            b"#!/a/new/prefix/bin/python\nx\n",
        ),
        (b"#!/old/prefix/bin/python a b\n", None),
        (b"#!/old/prefix/" + b"d" * 130 + b"\nx\n", None),
    ],
    ids=["no end", "a blank", "a tab", "by a shell without need", "two words", "too long"],
)
def test_a_script_that_starts_in_its_own_way_does_so_again(
    script: bytes, there: bytes | None
) -> None:
    head = head_of(script, [OLD])
    assert head
    assert script.startswith(head)
    moved = renamed(script, PAIRS, head)
    assert moved == there if there else moved.startswith(b"#!/bin/sh\n'''exec' '/a/new/prefix/")
    back = [(new, old) for old, new in PAIRS]
    assert renamed(moved, back) != script
    assert renamed(moved, back, head) == script


@pytest.mark.parametrize(
    "data",
    [b"#!/old/prefix/bin/python -I\nx\n", b"#!/bin/sh\ncd /old/prefix\n", b"/old/prefix"],
    ids=["a script", "of the shell", "a text"],
)
def test_nothing_is_kept_of_what_starts_as_ours(data: bytes) -> None:
    assert head_of(data, [OLD]) == b""


def test_two_prefixes_are_written_at_once() -> None:
    pairs = [(b"/one", b"/two"), (b"/two", b"/one"), (b"/one/base", b"/three")]
    assert renamed(b"/one /two /one/base/x", pairs) == b"/two /one /three/x"


def test_a_program_keeps_its_length() -> None:
    room = 40
    data = b"\x7fELF" + OLD + b"/lib:" + OLD + b"\0" + bytes(2 * (room - len(OLD))) + b"end"
    there = padded(data, PAIRS, room)
    assert len(there) == len(data)
    assert there.startswith(b"\x7fELF" + NEW + b"/lib:" + NEW + b"\0")
    assert there.endswith(b"\0end")
    assert padded(there, [(NEW, OLD)], room) == data


@pytest.mark.parametrize(
    ("data", "room"),
    [(OLD + b"\0end", len(OLD)), (OLD + b"\0something else", 40)],
    ids=["none was left", "it is in use"],
)
def test_a_program_without_room_is_refused(data: bytes, room: int) -> None:
    with pytest.raises(ValueError, match="no room"):
        padded(data, PAIRS, room)


SOURCE = "where = '/old/prefix/share'\n"


def make_tree(top: Path) -> Path:
    """Write a tree with one of each kind that names its prefix."""
    library = top / "lib" / "python3.12" / "site-packages"
    info = library / "it-1.dist-info"
    for directory in (top / "bin", info, library / "__pycache__", top / ".lamina"):
        directory.mkdir(parents=True)
    (top / "bin" / "it").write_text("#!/old/prefix/bin/python\n")
    (top / "bin" / "program").write_bytes(b"\x7fELF\0" + OLD + bytes(100))
    (top / "bin" / "link").symlink_to("/old/prefix/bin/it")
    (library / "it.py").write_text(SOURCE)
    code = library / "__pycache__" / f"it.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(
        str(library / "it.py"), str(code), dfile="it.py",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip
    (info / "RECORD").write_text("../../../bin/it,sha256=old,7\nit.py,,\n")
    kinds = {"bin/it": "text", "bin/program": "binary", "bin/link": "link"}
    kinds |= {os.path.relpath(library / "it.py", top): "text", os.path.relpath(code, top): "code"}
    write_state(top, kinds)
    return top


def write_state(top: Path, kinds: Mapping[str, str]) -> None:
    def digest(path: Path) -> str:
        data = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        return digest_of(data)

    files = [
        {"path": path, "kind": kind, "room": 60, "sha256": digest(top / path)}
        for path, kind in kinds.items()
    ]
    state: dict[str, Any] = {"schema": 1, "files": files}
    state["prefixes"] = [{"path": "/old/prefix", "inside": "", "name": "it", "lock-digest": ""}]
    (top / reprefix.STATE).write_text(json.dumps(state))


def move(top: Path, prefix: str) -> str:
    return unpack.unpack(str(top), prefix, None, published=False)


def check_tree(top: Path, prefix: str) -> None:
    assert (top / "bin" / "it").read_text() == f"#!{prefix}/bin/python\n"
    program = (top / "bin" / "program").read_bytes()
    assert program == b"\x7fELF\0" + prefix.encode().ljust(len(OLD) + 100, b"\0")
    assert str((top / "bin" / "link").readlink()) == f"{prefix}/bin/it"
    library = top / "lib" / "python3.12" / "site-packages"
    command = "import it; print(it.where)"
    environ = {"PYTHONPATH": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
    answer = subprocess.check_output([sys.executable, "-c", command], env=environ, text=True)
    assert answer == f"{prefix}/share\n"
    record = (library / "it-1.dist-info" / "RECORD").read_text()
    assert record.startswith("../../../bin/it,sha256=")
    assert "old" not in record
    assert record.splitlines()[0].endswith(f",{len(prefix) + 14}")
    assert record.splitlines()[1] == "it.py,,"  # What has no digest gets none.
    left = [str(path) for path in top.rglob("*lamina-new*")]
    assert not left
    assert not (top / reprefix.JOURNAL).exists()


def test_everything_names_the_new_prefix_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    top = make_tree(tmp_path / "tree")
    assert move(top, "/a/new/prefix") == "5 files name /a/new/prefix now"
    check_tree(top, "/a/new/prefix")
    before = {path: path.lstat().st_mtime_ns for path in top.rglob("*")}
    assert "nothing to do" in move(top, "/a/new/prefix")
    assert {path: path.lstat().st_mtime_ns for path in top.rglob("*")} == before
    move(top, "/old/prefix/below")
    check_tree(top, "/old/prefix/below")


def test_unpacked_where_it_was_published_it_is_listed_with_what_came_along(tmp_path: Path) -> None:
    top = make_tree(tmp_path / "tree")
    listing = top / ".lamina" / "files.mtree"
    listing.write_text("#mtree\n./bin type=dir mode=0555\n./bin/it type=file mode=0444 size=1\n")
    manifest = top / ".lamina" / "release.toml"
    manifest.write_text('prefix = "/old/prefix"\nfiles-digest = "0"\n')
    (top / "bin" / "lamina-unpack").write_text("#!/bin/sh\n")
    assert "5 files name /old/prefix" in move(top, "/old/prefix")
    lines = listing.read_text().splitlines()
    assert lines[1].startswith("./.lamina/prefixes.json type=file")
    assert "./bin type=dir mode=0755" in lines
    assert any(one.startswith("./bin/lamina-unpack type=file") for one in lines)
    assert digest_of(listing.read_bytes()) in manifest.read_text()
    check_tree(top, "/old/prefix")
    assert "nothing to do" in move(top, "/old/prefix")


class KilledError(BaseException):
    """What a test ends a run with."""


@pytest.mark.parametrize("again", ["/a/new/prefix", "/elsewhere"])
def test_wherever_it_is_killed_the_next_run_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """The new prefix begins with the old one, so no file may be changed twice."""
    count = 0
    while True:
        count += 1
        top = make_tree(tmp_path / f"tree{count}")
        with monkeypatch.context() as patched:
            if not kill_at(count, patched, top):
                break
        move(top, again)
        check_tree(top, again)
    assert count > 10


def kill_at(count: int, patched: pytest.MonkeyPatch, top: Path) -> bool:
    """Move a tree, and end it before its n-th change; tell whether there was one."""
    done = 0
    replace = os.replace

    def failing(*words: Any) -> None:
        nonlocal done
        done += 1
        if done * 2 == count:
            raise KilledError
        replace(*words)
        if done * 2 + 1 == count:
            raise KilledError

    patched.setattr(os, "replace", failing)
    try:
        move(top, "/old/prefix/below")
    except KilledError:
        return True
    return count < 4


def test_a_journal_that_was_cut_off_is_written_on(tmp_path: Path) -> None:
    top = make_tree(tmp_path / "tree")
    journal = top / reprefix.JOURNAL
    journal.write_bytes(b'{"path": "bin/it", "sha\0\0\xff')
    tree = reprefix.Tree(str(top), ["/a/new/prefix"])
    assert tree.journal == {}
    tree.change()
    assert set(reprefix.Tree(str(top), []).journal) == {
        file["path"] for file in tree.state["files"]
    }
    move(top, "/a/new/prefix")
    check_tree(top, "/a/new/prefix")


def test_what_was_written_beside_goes_where_it_cannot_go_on(tmp_path: Path) -> None:
    top = make_tree(tmp_path / "tree")
    (top / "bin" / "program").write_bytes(b"\x7fELF\0" + OLD + b"\0in use")
    write_state(top, {"bin/it": "text", "bin/link": "link", "bin/program": "binary"})
    with pytest.raises(RefusedError, match="bin/program: no room"):
        move(top, "/a/new/prefix")
    assert not list(top.rglob(f"*{replacing.ENDING}"))
    assert (top / "bin" / "it").read_text() == "#!/old/prefix/bin/python\n"


@pytest.mark.parametrize("path", ["../secret", "out/secret", "/etc/hostname"])
def test_a_listing_cannot_lead_out_of_the_directory(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("secret")
    top = make_tree(tmp_path / "tree")
    (top / "out").symlink_to("..")
    (top / ".lamina" / "pack.json").write_text((top / reprefix.STATE).read_text())
    digest = digest_of(b"secret")
    listing = f"#mtree\n./{path} type=file mode=0644 size=6 sha256digest={digest}\n"
    (top / ".lamina" / "files.mtree").write_text(listing)
    (top / ".lamina" / "release.toml").write_text(f'files-digest = "{digest_of(listing.encode())}"')
    with pytest.raises(RefusedError, match="leads out of this directory") as caught:
        move(top, "/a/new/prefix")
    assert caught.value.code == 6


def test_what_was_changed_by_somebody_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    top = make_tree(tmp_path / "tree")
    (top / "bin" / "program").write_bytes(b"something else")
    with pytest.raises(RefusedError, match="not as packed: bin/program") as caught:
        move(top, "/a/new/prefix")
    assert caught.value.code == 6
    assert (top / "bin" / "it").read_text() == "#!/old/prefix/bin/python\n"


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        (f"/{'x' * 70}", "bin/program has room for a prefix of 60 bytes, and this one has 71"),
        ("/it's", "cannot be a prefix"),
        ("/a:b", "cannot be a prefix"),
    ],
    ids=["too long", "quote", "colon"],
)
def test_a_prefix_that_cannot_be_is_refused(tmp_path: Path, prefix: str, why: str) -> None:
    top = make_tree(tmp_path / "tree")
    with pytest.raises(RefusedError, match=why) as caught:
        move(top, prefix)
    assert caught.value.code == 2


def test_byte_code_of_another_python_is_left_out(tmp_path: Path) -> None:
    top = make_tree(tmp_path / "tree")
    [code] = top.rglob("*.pyc")
    code.write_bytes(b"\0\0\0\0" + code.read_bytes()[4:])
    inside = os.path.relpath(code, top)
    write_state(top, {"bin/it": "text", inside: "code"})
    move(top, "/a/new/prefix")
    assert not code.exists()
    move(top, "/and/another")


def half_moved(top: Path) -> Path:
    """Return a tree of which an upgrade has brought back a part as it was packed.

    So RPMs do that were moved as they were installed: those that stay as they are name the new
    prefix already, and the listing of prefixes is that of what is new.
    """
    state = (make_tree(top) / reprefix.STATE).read_text()
    move(top, "/a/new/prefix")
    (top / reprefix.STATE).chmod(0o644)
    (top / reprefix.STATE).write_text(state)
    return top


@pytest.mark.parametrize("brought", [(), ("bin/it",), ("bin/it", "bin/program")])
def test_what_was_moved_before_stays(tmp_path: Path, brought: tuple[str, ...]) -> None:
    packed, top = make_tree(tmp_path / "packed"), half_moved(tmp_path / "tree")
    for one in brought:
        (top / one).write_bytes((packed / one).read_bytes())
    assert move(top, "/a/new/prefix") == "5 files name /a/new/prefix now"
    check_tree(top, "/a/new/prefix")
    assert "nothing to do" in move(top, "/a/new/prefix")


@pytest.mark.parametrize("kind", ["text", "program", "link"])
def test_what_was_moved_before_and_is_another_now_is_refused(tmp_path: Path, kind: str) -> None:
    top = half_moved(tmp_path / "tree")
    path = top / "bin" / {"text": "it", "program": "program", "link": "link"}[kind]
    if kind == "link":
        path.unlink()
        path.symlink_to("/a/new/prefix/bin/other")
    else:
        path.chmod(0o755)
        path.write_bytes(path.read_bytes().replace(b"/a/new", b"/b/new", 1))
    with pytest.raises(RefusedError, match=f"not as packed: bin/{path.name}"):
        move(top, "/a/new/prefix")


def test_byte_code_that_nobody_knows_is_refused_where_nothing_was_moved(tmp_path: Path) -> None:
    top = make_tree(tmp_path / "tree")
    [code] = top.rglob("*.pyc")
    code.write_bytes(code.read_bytes() + b"x")
    with pytest.raises(RefusedError, match="not as packed"):
        move(top, "/a/new/prefix")
