"""What is written over a release to make it the next one, and where catalogs begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.release.mtree import Entry, dump_mtree, read_tree
from lamina.release.transfer import plan_catalogs, plan_transfer, transfer
from lamina.release.verify import compare

if TYPE_CHECKING:
    from pathlib import Path

DIR = Entry(kind="dir", mode=0o555)


def file(content: str, mode: int = 0o444) -> Entry:
    return Entry(kind="file", mode=mode, size=1, sha256=content)


def there(entries: dict[str, Entry]) -> dict[str, bool]:
    return {path: entry.kind == "dir" for path, entry in entries.items()}


def test_what_is_the_same_stays() -> None:
    tree = {"a": DIR, "a/b": file("1"), "link": Entry(kind="link", target="a")}
    plan = plan_transfer(tree, tree, there(tree))
    assert (plan.remove, plan.write, plan.modes) == ((), (), ())


@pytest.mark.parametrize(
    ("old", "new", "remove", "write", "modes"),
    [
        pytest.param({}, {"a": DIR, "a/b": file("1")}, [], ["a", "a/b"], [], id="all-new"),
        pytest.param({"a": file("1")}, {"a": file("2")}, [], ["a"], [], id="content"),
        pytest.param({"a": file("1")}, {"a": file("1", 0o555)}, [], ["a"], [], id="mode"),
        pytest.param(
            {"a": Entry(kind="dir", mode=0o755)}, {"a": DIR}, [], [], ["a"], id="directory-mode"
        ),
        pytest.param(
            {"a": DIR, "a-b": file("1"), "a/x": DIR, "a/x/y": file("1")}, {}, ["a", "a-b"], [], [],
            id="a-directory-goes-whole",
        ),
        pytest.param(
            {"a": DIR, "a/b": file("1")}, {"a": file("1")}, ["a"], ["a"], [], id="file-for-dir"
        ),
        pytest.param(
            {"a": file("1")}, {"a": DIR, "a/b": file("1")}, ["a"], ["a", "a/b"], [],
            id="dir-for-file",
        ),
        pytest.param(
            {"a": file("1")}, {"a": Entry(kind="link", target="b")}, [], ["a"], [],
            id="link-for-file",
        ),
    ],
)  # fmt: skip
def test_what_differs(
    old: dict[str, Entry],
    new: dict[str, Entry],
    remove: list[str],
    write: list[str],
    modes: list[str],
) -> None:
    plan = plan_transfer(new, old, there(old))
    assert [list(plan.remove), list(plan.write), list(plan.modes)] == [remove, write, modes]


def test_what_nobody_listed_goes_and_what_is_missing_comes() -> None:
    tree = {"a": file("1"), "b": file("1")}
    plan = plan_transfer(tree, tree, {"a": False, "strange": True, "strange/x": False})
    assert plan.remove == ("strange",)
    assert plan.write == ("b",)


def make(top: Path, files: dict[str, str], links: dict[str, str]) -> Path:
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, target in links.items():
        (top / name).symlink_to(target)
    (top / ".lamina").mkdir()
    (top / ".lamina" / "release.toml").write_text(str(files))
    for path in [*top.rglob("*"), top]:
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    text = dump_mtree(read_tree(top)[0])
    (top / ".lamina").chmod(0o755)
    (top / ".lamina" / "files.mtree").write_text(text)
    (top / ".lamina").chmod(0o555)
    return top


def test_a_tree_becomes_the_other_one(tmp_path: Path) -> None:
    old = make(tmp_path / "old", {"same/x": "1", "dir/y": "1", "z": "1"}, {"link": "z"})
    new = make(tmp_path / "new", {"same/x": "1", "dir": "2", "w/v/u": "3"}, {"link": "w", "z": "w"})
    (old / "same").chmod(0o755)
    (old / "same" / ".cvmfscatalog").touch()
    same = (old / "same" / "x").stat()
    transfer(new, old)
    wanted, _ = read_tree(new)
    findings = compare(wanted, old)
    assert findings.lines() == []
    assert (old / ".lamina" / "release.toml").read_text().endswith("'w/v/u': '3'}")
    kept = (old / "same" / "x").stat()
    assert (kept.st_ino, kept.st_mtime_ns) == (same.st_ino, same.st_mtime_ns)
    assert [str(path.relative_to(old)) for path in old.rglob(".cvmfscatalog")] == [".cvmfscatalog"]
    assert old.stat().st_mode & 0o777 == 0o555


def test_into_an_empty_place(tmp_path: Path) -> None:
    new = make(tmp_path / "new", {"a/b": "1"}, {"link": "a"})
    transfer(new, tmp_path / "deep" / "place")
    assert compare(read_tree(new)[0], tmp_path / "deep" / "place").sound


def test_what_is_distrusted_is_written_again(tmp_path: Path) -> None:
    new = make(tmp_path / "new", {"a": "1"}, {})
    old = make(tmp_path / "old", {"a": "1"}, {})
    (old / "a").chmod(0o644)
    (old / "a").write_text("2")
    transfer(new, old)
    assert (old / "a").read_text() == "2"
    transfer(new, old, distrusted=["a"])
    assert (old / "a").read_text() == "1"


def test_a_stage_that_is_not_sealed(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        transfer(tmp_path, tmp_path / "new")


def test_a_catalog_file_with_content_is_none(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", {".cvmfscatalog": "content"}, {})
    assert compare({}, tree).extra == (".cvmfscatalog", ".lamina")


def wide(**counts: int) -> dict[str, Entry]:
    """Return directories, named with ``__`` for ``/``, with so many files each."""
    entries: dict[str, Entry] = {}
    for name, count in counts.items():
        path = name.replace("__", "/")
        entries[path] = DIR
        entries |= {f"{path}/{number}": file("1") for number in range(count)}
    return entries


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param({}, [""], id="nothing"),
        pytest.param(wide(lib=90), [""], id="fits"),
        pytest.param(wide(lib=60, share=50), ["", "lib"], id="the-largest"),
        pytest.param(wide(lib=10, lib__a=90, lib__b=80), ["", "lib/a"], id="below"),
        pytest.param(
            wide(lib=0, lib__a=90, lib__b=80, lib__c=70), ["", "lib/a", "lib/b"], id="two"
        ),
        pytest.param(wide(lib=150), ["", "lib"], id="one-directory-that-is-too-large"),
    ],
)
def test_where_catalogs_begin(entries: dict[str, Entry], expected: list[str]) -> None:
    assert list(plan_catalogs(entries, limit=100)) == expected
