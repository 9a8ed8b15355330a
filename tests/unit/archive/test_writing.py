"""Archives that we write: the same bytes from the same content, and what is recorded of files."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.package import PLACEHOLDER
from lamina.archive.reading import check_archive
from lamina.archive.writing import write_conda
from lamina.archive.zstd import decompressing
from lamina.core.errors import IntegrityError
from support.archives import MOMENT, a_package, write_package

if TYPE_CHECKING:
    from pathlib import Path


def info_of(path: Path, name: str) -> Any:
    return json.loads(texts_of(path, "info")[f"info/{name}"])


def members_of(path: Path, part: str) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(plain(path, part))) as archive:
        return archive.getmembers()


def texts_of(path: Path, part: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(plain(path, part))) as archive:
        files = [(one.name, archive.extractfile(one)) for one in archive]
        return {name: stream.read() for name, stream in files if stream}


def plain(path: Path, part: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        packed = archive.read(f"{part}-{path.name.removesuffix('.conda')}.tar.zst")
    with decompressing(io.BytesIO(packed)) as stream:
        return stream.read()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "bin").mkdir(parents=True)
    (top / "lib").mkdir()
    (top / "bin" / "tool").write_text(f"#!{PLACEHOLDER}/bin/python\n", encoding="utf-8")
    (top / "bin" / "tool").chmod(0o700)
    (top / "lib" / "libone.so.1").write_bytes(b"\x7fELF\0" + PLACEHOLDER.encode() + b"/lib\0")
    (top / "lib" / "plain.txt").write_text("no prefix here\n", encoding="utf-8")
    (top / "lib" / "plain.txt").chmod(0o600)
    (top / "lib" / "libone.so").symlink_to("libone.so.1")
    return top


def test_the_same_tree_is_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    first = write_conda(a_package(), tree, tmp_path / "first")
    other = tmp_path / "other-tree"
    other.mkdir()
    for name in ("lib", "bin"):  # another order, another time, another owner's modes
        (other / name).mkdir()
        for file in sorted((tree / name).iterdir(), reverse=True):
            copy = other / name / file.name
            if file.is_symlink():
                copy.symlink_to(file.readlink())
            else:
                copy.write_bytes(file.read_bytes())
                copy.chmod(0o755 if file.stat().st_mode & 0o100 else 0o664)
                os.utime(copy, (1, 1))
    second = write_conda(a_package(), other, tmp_path / "second")
    assert first.name == "one-1.0-h0_0.conda"
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_mode & 0o777 == 0o644


def test_a_zip_of_stored_parts_that_conda_knows(tree: Path, tmp_path: Path) -> None:
    path = write_conda(a_package(), tree, tmp_path / "out")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [
            "metadata.json",
            "pkg-one-1.0-h0_0.tar.zst",
            "info-one-1.0-h0_0.tar.zst",
        ]
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
        assert json.loads(archive.read("metadata.json")) == {"conda_pkg_format_version": 2}


def test_members_are_sorted_and_have_normal_modes_owners_and_times(
    tree: Path, tmp_path: Path
) -> None:
    members = members_of(write_conda(a_package(), tree, tmp_path / "out"), "pkg")
    assert [one.name for one in members] == [
        "bin/tool",
        "lib/libone.so",
        "lib/libone.so.1",
        "lib/plain.txt",
    ]
    assert [oct(one.mode) for one in members if one.isreg()] == ["0o755", "0o644", "0o644"]
    assert {(one.uid, one.gid, one.uname) for one in members} == {(0, 0, "root")}
    assert {one.mtime for one in members} == {int(MOMENT.timestamp())}


def test_trap_13_placeholders_are_found_in_text_and_binary_files(
    tree: Path, tmp_path: Path
) -> None:
    path = write_conda(a_package(), tree, tmp_path / "out")
    entries = {one["_path"]: one for one in info_of(path, "paths.json")["paths"]}
    assert entries["bin/tool"]["file_mode"] == "text"
    assert entries["lib/libone.so.1"]["file_mode"] == "binary"
    assert entries["bin/tool"]["prefix_placeholder"] == PLACEHOLDER
    assert "prefix_placeholder" not in entries["lib/plain.txt"]
    assert entries["lib/libone.so"]["path_type"] == "softlink"
    data = (tree / "lib" / "libone.so.1").read_bytes()
    assert entries["lib/libone.so.1"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert entries["lib/libone.so.1"]["size_in_bytes"] == len(data)
    assert len(PLACEHOLDER) == 255


def test_trap_13_run_exports_and_entry_points_are_written(tmp_path: Path) -> None:
    path = write_package(
        tmp_path,
        tmp_path / "work",
        subdir="noarch",
        noarch="python",
        entry_points=("one = one:main",),
        run_exports={"weak": ("one >=1",)},
        depends=("python >=3.9",),
    )
    assert info_of(path, "run_exports.json") == {"weak": ["one >=1"]}
    assert info_of(path, "link.json")["noarch"] == {
        "type": "python",
        "entry_points": ["one = one:main"],
    }
    index = info_of(path, "index.json")
    assert index["noarch"] == "python"
    assert index["depends"] == ["python >=3.9"]
    assert index["timestamp"] == int(MOMENT.timestamp()) * 1000
    assert texts_of(path, "info")["info/files"] == b"share/one.txt\n"


def test_what_is_written_can_be_read_and_checked(tree: Path, tmp_path: Path) -> None:
    path = write_conda(a_package(), tree, tmp_path / "out")
    contents = check_archive(path)
    assert contents.name == "one"
    assert contents.size == path.stat().st_size
    assert contents.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert contents.md5 == hashlib.md5(path.read_bytes()).hexdigest()
    assert contents.paths[0].path == "bin/tool"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"], ids=["absolute", "upwards"])
def test_a_link_that_leads_out_is_not_packaged(tree: Path, tmp_path: Path, target: str) -> None:
    (tree / "lib" / "out").symlink_to(target)
    with pytest.raises(IntegrityError, match=r"lib/out: a link to .* outside of the package"):
        write_conda(a_package(), tree, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_pipe_is_not_packaged(tree: Path, tmp_path: Path) -> None:
    os.mkfifo(tree / "lib" / "pipe")
    with pytest.raises(IntegrityError, match=r"lib/pipe: neither a file nor a link"):
        write_conda(a_package(), tree, tmp_path / "out")


@pytest.mark.parametrize(
    "about",
    [
        {"name": "../up"},
        {"name": "Upper"},
        {"version": "1-2"},
        {"build": "a-b"},
        {"subdir": "noarch"},
        {"noarch": "generic"},
    ],
    ids=str,
)
def test_what_conda_could_not_name_is_refused(about: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is not a|noarch="):
        a_package(**about)
