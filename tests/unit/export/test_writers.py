"""Archives are streams that the usual tools read, the same bytes for the same members."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from lamina.archive.streams import Reading
from lamina.core.errors import IntegrityError, NotSupportedError, UsageError
from lamina.export.pack import format_of
from lamina.export.writers import FORMATS, Format, archiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 1_700_000_000
LARGE = os.urandom(20_000) * 100
FILES = {
    "a/empty": b"",
    "a/large": LARGE,
    f"a/{'long' * 40}/{'name' * 30}": b"#!/bin/sh\n",
    "a/ünï \udcff": b"text",
}


def write(path: Path, form: Format) -> Path:
    """Write an archive with one of each kind."""
    with path.open("w+b") as stream, archiving(stream, form, SECONDS) as writer:
        writer.directory("a", 0o755)
        for name, data in FILES.items():
            if form == "zip" and "\udcff" in name:
                continue
            writer.file(name, 0o555, len(data), blocks(data))
        writer.link("a/link", "../a/large")
    return path


def read_all(path: Path) -> None:
    for one in Reading(path).members():
        for _ in one.blocks():
            pass


def blocks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_written_is_read(tmp_path: Path, form: Format) -> None:
    found = {}
    for one in Reading(write(tmp_path / "it", form)).members():
        found[one.name] = (one.kind, one.mode, one.target, b"".join(one.blocks()))
    assert found.pop("a")[0] == "dir"
    assert found.pop("a/link")[:3:2] == ("link", "../a/large")
    wanted = {name: data for name, data in FILES.items() if name in found or form != "zip"}
    assert found == {name: ("file", 0o555, "", data) for name, data in wanted.items()}
    assert len(found) >= 3


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_members_give_the_same_bytes(tmp_path: Path, form: Format) -> None:
    one, other = (write(tmp_path / name, form).read_bytes() for name in ("one", "other"))
    assert one == other


def test_tar_is_what_tarfile_writes(tmp_path: Path) -> None:
    with tarfile.open(write(tmp_path / "it", "tar")) as archive:
        assert {one.mtime for one in archive} == {SECONDS}
        assert {(one.uid, one.gid, one.uname) for one in archive} == {(0, 0, "root")}
    assert (tmp_path / "it").stat().st_size % tarfile.RECORDSIZE == 0


def test_gzip_is_of_members_that_any_reader_puts_together(tmp_path: Path) -> None:
    path, plain = write(tmp_path / "it", "tar.gz"), write(tmp_path / "plain", "tar")
    assert gzip.decompress(path.read_bytes()) == plain.read_bytes()
    assert len(members(path)) > 1
    # What is there of other readers; gzip itself is wherever packs are unpacked.
    for words in (["gzip"], ["busybox", "gunzip"]):
        if shutil.which(words[0]):
            found = subprocess.run([*words, "-dc", path], check=True, capture_output=True)
            assert found.stdout == plain.read_bytes()


def test_gzip_that_ends_with_a_member_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "it", "tar.gz")
    path.write_bytes(members(path)[0])
    with pytest.raises(IntegrityError, match="damaged or cut off"):
        read_all(path)


def members(path: Path) -> list[bytes]:
    """Return the members of a file of gzip."""
    found, left = [], path.read_bytes()
    while left:
        reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
        reader.decompress(left)
        found.append(left[: len(left) - len(reader.unused_data)])
        left = reader.unused_data
    return found


def test_zip_has_modes_and_links(tmp_path: Path) -> None:
    with zipfile.ZipFile(write(tmp_path / "it", "zip")) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("a/large").external_attr >> 16 == 0o100555
        assert archive.getinfo("a/link").external_attr >> 16 == 0o120777
        assert archive.getinfo("a/large").date_time == (2023, 11, 14, 22, 13, 20)


@pytest.mark.parametrize(
    ("year", "seconds", "found"),
    [("1970", 0, (1980, 1, 1, 0, 0, 0)), ("2109", 4_400_000_000, (2107, 12, 31, 23, 59, 58))],
    ids=["too-early", "too-late"],
)
@pytest.mark.parametrize("form", FORMATS)
def test_times_that_a_zip_cannot_have_are_the_nearest_that_it_can(
    tmp_path: Path, form: Format, year: str, seconds: int, found: tuple[int, ...]
) -> None:
    with (tmp_path / "it").open("wb") as stream, archiving(stream, form, seconds) as writer:
        writer.file("a", 0o444, 4, blocks(b"text"))
    read_all(tmp_path / "it")
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "it") as archive:
            assert archive.getinfo("a").date_time == found
    else:
        words = ["tar", "--utc", "--full-time", "-tvf", str(tmp_path / "it")]
        told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        assert f" {year}-" in told


def test_a_name_that_a_zip_cannot_have_is_said(tmp_path: Path) -> None:
    with (
        (tmp_path / "it").open("wb") as stream,
        pytest.raises(NotSupportedError, match=r"'a/name.*udce9': a name that is not UTF-8"),
        archiving(stream, "zip", SECONDS) as writer,
    ):
        writer.file("a/name\udce9", 0o444, 4, blocks(b"text"))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("part", [0.3, 0.99])
def test_a_part_of_an_archive_is_refused(tmp_path: Path, form: Format, part: float) -> None:
    path = write(tmp_path / "it", form)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    if form == "tar" and part > 0.9:
        return  # Only zero bytes at its end are missing.
    with pytest.raises(IntegrityError, match="damaged or cut off"):
        read_all(path)


def test_of_a_zip_the_end_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "it", "zip")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match="cut off at its end"):
        read_all(path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"hello" * 1000)
    with pytest.raises(IntegrityError, match="at its beginning"):
        list(Reading(tmp_path / "it").members())


def test_the_name_says_the_format(tmp_path: Path) -> None:
    for form in FORMATS:
        assert format_of(tmp_path / f"it-1.0.{form}") == form
    assert format_of(tmp_path / "it", "zip") == "zip"
    assert format_of(tmp_path / "it.bin", "tar") == "tar"
    with pytest.raises(UsageError, match="which archive"):
        format_of(tmp_path / "it.7z")
    for form in FORMATS:
        assert format_of(tmp_path / f"it.{form}", form) == form
    with pytest.raises(
        UsageError, match=r"is it to be tar\.gz, as its name says, or zip"
    ) as caught:
        format_of(tmp_path / "it.tar.gz", "zip")
    assert caught.value.hints == ("-o it.zip",)


def test_a_stream_that_cannot_seek_is_enough_for_tar() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with archiving(Pipe(), "tar.zst", SECONDS) as writer:
        writer.file("it", 0o644, 2, iter([b"it"]))
