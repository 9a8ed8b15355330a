"""Archives that we read: damage and malice are named, with the archive they are in."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.members import leads_out
from lamina.archive.reading import check_archive, read_archive, stem_of
from lamina.core.errors import IntegrityError
from support.archives import a_file, forge, special, write_package

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    files = {"share/one.txt": "some text\n" * 500, "share/two.txt": "more\n" * 900}
    return write_package(tmp_path / "channel", tmp_path / "work", files=files)


def test_a_forged_archive_without_fault_is_accepted(tmp_path: Path) -> None:
    members = [a_file("lib/real.txt"), special("lib/link.txt", tarfile.SYMTYPE, "../lib/real.txt")]
    files = {"lib/real.txt": b"text\n", "lib/link.txt": b"text\n"}
    assert check_archive(forge(tmp_path, members, recorded=files)).name == "bad"


def test_every_truncation_is_named(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    cut = tmp_path / archive.name
    for length in range(0, len(data), 61):
        cut.write_bytes(data[:length])
        with pytest.raises(IntegrityError, match=r"one-1\.0-h0_0\.conda: not a whole"):
            check_archive(cut)


def test_every_changed_byte_of_content_is_found(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    begin = data.index(b"pkg-one") + len("pkg-one-1.0-h0_0.tar.zst")
    end = data.index(b"info-one")
    broken = tmp_path / archive.name
    last = end - 30  # the header of the next part begins there
    for position in [*range(begin, last, 17), *range(last - 6, last)]:
        changed = bytearray(data)
        changed[position] ^= 0x55
        broken.write_bytes(changed)
        with pytest.raises(IntegrityError, match=r"one-1\.0-h0_0\.conda"):
            check_archive(broken)


@pytest.mark.parametrize("cut", [1, 4, 5])
def test_files_that_end_too_soon_are_found_inside_a_whole_zip(tmp_path: Path, cut: int) -> None:
    # More than the end of a tar, so that it could be done before it is over.
    members = [a_file(f"file-{number}", bytes(10240)) for number in range(3)]
    with pytest.raises(IntegrityError, match=r"bad-1-0\.conda: not a whole"):
        check_archive(forge(tmp_path, members, cut=cut))


def test_a_wrong_hash_is_named(archive: Path) -> None:
    good = read_archive(archive)
    assert read_archive(archive, sha256=good.sha256, md5=good.md5) == good
    with pytest.raises(IntegrityError, match=r"one-1.*its sha256 is .*, and should be 000"):
        read_archive(archive, sha256="0" * 64, md5=good.md5)


def test_trap_01_a_wrong_md5_counts_beside_a_right_sha256(archive: Path) -> None:
    good = read_archive(archive)
    with pytest.raises(IntegrityError, match=r"its md5 is .*, and should be 111"):
        read_archive(archive, sha256=good.sha256, md5="1" * 32)


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (a_file("/etc/cron.d/x"), "an absolute path"),
        (a_file("../../x"), "a path that goes up"),
        (a_file("lib/../../x"), "a path that goes up"),
        (a_file("C:/x"), "an absolute path"),
        (a_file("lib\\..\\x"), "back slash"),
        (special("lib/x", tarfile.SYMTYPE, "/etc/passwd"), "a link to /etc/passwd, outside"),
        (special("lib/x", tarfile.SYMTYPE, "../../x"), r"a link to \.\./\.\./x, outside"),
        (special("x", tarfile.SYMTYPE, "a/../../x"), "outside of the package"),
        (special("x", tarfile.LNKTYPE, "/etc/passwd"), "a hard link to /etc/passwd"),
        (special("dev/sda", tarfile.BLKTYPE), "a device or pipe"),
        (special("dev/tty", tarfile.CHRTYPE), "a device or pipe"),
        (special("run/pipe", tarfile.FIFOTYPE), "a device or pipe"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0].name,
)
def test_members_that_would_leave_are_refused(
    tmp_path: Path, member: tuple[tarfile.TarInfo, bytes], reason: str
) -> None:
    path = forge(tmp_path, [member])
    with pytest.raises(IntegrityError, match=reason) as caught:
        check_archive(path)
    assert "bad-1-0.conda" in str(caught.value)
    assert member[0].name in str(caught.value).replace("\\\\", "\\")


def test_a_file_below_a_link_is_refused(tmp_path: Path) -> None:
    members = [special("here", tarfile.SYMTYPE, "lib"), a_file("here/x")]
    recorded = {"here": b"", "here/x": b"text\n"}
    with pytest.raises(IntegrityError, match="member 'here/x' is below a link"):
        check_archive(forge(tmp_path, members, recorded=recorded))


def test_a_member_twice_is_refused(tmp_path: Path) -> None:
    members = [a_file("x", b"first"), a_file("x", b"first")]
    with pytest.raises(IntegrityError, match="member 'x' is in the archive twice"):
        check_archive(forge(tmp_path, members))


@pytest.mark.parametrize(
    ("recorded", "reason"),
    [
        ({"x": b"other\n"}, "the sha256 of x is"),
        ({}, "x is not in its paths.json"),
        ({"x": b"text\n", "../y": b""}, "'../y' in its paths.json is a path that goes up"),
        ({"x": b"text\n", "y": b""}, "y is in its paths.json and not in it"),
    ],
    ids=["changed", "foreign", "upwards", "missing"],
)
def test_paths_json_must_tell_the_truth(
    tmp_path: Path, recorded: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(IntegrityError, match=reason):
        check_archive(forge(tmp_path, [a_file("x")], recorded=recorded))


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        ({"name": "numpy"}, "it says that it is numpy-1-0"),
        ({"depends": "python"}, "depends in info/index.json is 'python'"),
        ({"build_number": "0"}, "build_number in info/index.json is '0'"),
        ({"version": None}, "version in info/index.json is None"),
        ({"timestamp": "now"}, "timestamp in info/index.json is 'now'"),
        ({"timestamp": None}, "timestamp in info/index.json is None"),
        ({"timestamp": 1 << 62}, "timestamp in info/index.json is 4611686018427387904"),
        ({"timestamp": float("inf")}, "Out of range float"),
        ({"further": float("nan")}, "Out of range float"),
        ({"further": 1 << 64}, "18446744073709551616 in a file of info/ has more than 64 bits"),
        ({"further": "\ud800"}, "surrogates not allowed"),
    ],
    ids=[
        "another",
        "text",
        "number",
        "nothing",
        "time-text",
        "no-time",
        "late",
        "never",
        "nan",
        "long",
        "half-a-character",
    ],
)
def test_an_index_that_is_none_is_named(tmp_path: Path, index: dict[str, Any], reason: str) -> None:
    with pytest.raises(IntegrityError, match=rf"bad-1-0\.conda: not a whole.*{reason}"):
        check_archive(forge(tmp_path, [a_file("x")], index=index))


def test_a_foreign_part_is_refused(tmp_path: Path) -> None:
    path = forge(tmp_path, [a_file("x")], further={"pkg-other-1-0.tar.zst": b""})
    with pytest.raises(IntegrityError, match=r"'pkg-other-1-0\.tar\.zst' is no part"):
        check_archive(path)


def test_an_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"gone-1-0\.conda: no such file"):
        read_archive(tmp_path / "gone-1-0.conda")


def test_the_older_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old-1-0.tar.bz2"
    index = {"name": "old", "version": "1", "build": "0", "build_number": 0, "depends": []}
    info = {"info/index.json": index, "info/paths.json": {"paths": [], "paths_version": 1}}
    with tarfile.open(path, "w:bz2") as archive:
        for name, value in info.items():
            member, data = a_file(name, json.dumps(value).encode())
            archive.addfile(member, io.BytesIO(data))
    assert check_archive(path).index == index
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match=r"old-1-0\.tar\.bz2: not a whole"):
        check_archive(path)


@pytest.mark.parametrize(
    ("name", "target", "out"),
    [
        ("lib/a", "b", False),
        ("lib/a", "../share/b", False),
        ("a/b/c", "../../d", False),
        ("lib/a", "../../b", True),
        ("a", "../b", True),
        ("a", "b/../../c", True),
        ("lib/a", "/b", True),
    ],
)
def test_links(name: str, target: str, *, out: bool) -> None:
    assert leads_out(name, target) is out


@pytest.mark.parametrize("name", ["one.zip", "one-1.conda", "a/b-1-0.conda", ".conda"])
def test_names_of_archives(name: str) -> None:
    with pytest.raises(ValueError, match="is not NAME-VERSION-BUILD"):
        stem_of(name)
