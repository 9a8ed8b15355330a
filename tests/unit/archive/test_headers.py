"""Headers of archives that would fill memory are refused before they are read."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.headers import LONGEST_LINK, BoundedHeader
from lamina.archive.streams import Reading
from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    "pax": tarfile.XHDTYPE,
    "pax-of-all": tarfile.XGLTYPE,
    "long-name": tarfile.GNUTYPE_LONGNAME,
    "long-link": tarfile.GNUTYPE_LONGLINK,
}


def tar_with(path: Path, kind: bytes, size: int) -> Path:
    """Write a tar of a small file, a header that says how much follows, and nothing of that."""
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("small"), io.BytesIO())
    member = tarfile.TarInfo("header")
    member.type, member.size = kind, size
    path.write_bytes(path.read_bytes()[:512] + member.tobuf(tarfile.USTAR_FORMAT) + bytes(1024))
    return path


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_header_that_would_fill_memory_is_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tar_with(tmp_path / "x.tar", kind, (1 << 20) + 1)
    with pytest.raises(IntegrityError, match="after small: a header of 1048577 bytes"):
        list(Reading(archive).members())


class _Newer(BoundedHeader):
    """Reads as newer Pythons do: the public ``frombuf`` is for others only."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Any:
        made: Any = tarfile.TarInfo.frombuf
        stream: Any = archive.fileobj
        found = made.__func__(cls, stream.read(512), archive.encoding, archive.errors)
        found.offset = stream.tell() - 512
        return found._proc_member(archive)


def test_newer_readers_are_bounded_too(tmp_path: Path) -> None:
    path = tar_with(tmp_path / "x.tar", tarfile.XHDTYPE, (1 << 20) + 1)
    with (
        tarfile.open(path, "r|", tarinfo=_Newer) as archive,
        pytest.raises(ValueError, match="a header of 1048577 bytes"),
    ):
        archive.getnames()


def test_long_names_and_links_are_read(tmp_path: Path) -> None:
    name, target = "a/" * 400 + "name", "b/" * 400 + "target"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = tmp_path / f"{form}.tar"
        with tarfile.open(path, "w", format=form) as archive:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
        [found] = Reading(path).members()
        assert (found.name, found.target) == (name, target)
        with tarfile.open(path, tarinfo=BoundedHeader) as archive:
            assert archive.getnames() == [name]


@pytest.mark.parametrize("longer", [0, 1], ids=["path", "longer"])
def test_a_link_in_a_zip_is_no_longer_than_a_path(tmp_path: Path, longer: int) -> None:
    path = tmp_path / "x.zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    target = "x" * (LONGEST_LINK + longer)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, target)
    if longer:
        with pytest.raises(IntegrityError, match="link: a link of 4097 bytes"):
            list(Reading(path).members())
    else:
        [found] = Reading(path).members()
        assert found.target == target
