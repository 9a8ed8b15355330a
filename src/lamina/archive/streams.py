"""Reading archives as a stream: every member checked before it is used, damage in one error.

What is read: tar, plain or compressed with zstd or gzip, and zip, told apart by how they begin.
"""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from lamina.archive.damage import DAMAGE
from lamina.archive.headers import LONGEST_LINK, BoundedHeader
from lamina.archive.members import MemberRules
from lamina.archive.zstd import decompressing
from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an archive, whose name and target lead nowhere else."""

    name: str
    kind: str
    """``file``, ``link``, ``hard link`` or ``dir``."""
    mode: int
    size: int
    target: str
    stream: IO[bytes] | None
    reading: Reading

    def blocks(self) -> Iterator[bytes]:
        """Yield the content of a file; raises IntegrityError for damage."""
        while block := self._block():
            yield block

    def _block(self) -> bytes:
        with self.reading.naming():
            return b"" if self.stream is None else self.stream.read(_BLOCK)


class Reading:
    """An archive that is being read, and how far that has come."""

    def __init__(self, path: Path, *, listed: bool = False) -> None:
        """Name an archive; ``listed``: who reads it compares each member with a listing."""
        self.path = path
        self._listed = listed
        self.last = ""

    def members(self) -> Iterator[Member]:
        """Yield each member; raises IntegrityError, saying after which one, for all damage.

        What the caller does with a member has to translate its own errors of the system.
        """
        rules = MemberRules(str(self.path), listed=self._listed)
        with self._opened() as found:
            while (pair := self._next(found)) is not None:
                member, stream = pair
                name = rules.check(member)
                yield Member(
                    name=name,
                    kind=_kind(member),
                    mode=stat.S_IMODE(member.mode),
                    size=member.size,
                    target=member.linkname,
                    stream=stream,
                    reading=self,
                )
                self.last = name

    def _next(
        self, found: Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]
    ) -> tuple[tarfile.TarInfo, IO[bytes] | None] | None:
        with self.naming():
            return next(found, None)

    @contextmanager
    def naming(self, where: str = "at its beginning") -> Iterator[None]:
        """Make one error of what damage causes while something is read.

        ``where``: that, as long as no member has been read.
        """
        try:
            yield
        except IntegrityError:
            raise
        except DAMAGE as error:
            after = f"after {self.last}" if self.last else where
            reason = str(error) or type(error).__name__
            raise IntegrityError(
                f"{self.path}: not a whole archive: damaged or cut off {after}: {reason}",
                hints=["get it once more, and compare its digest with the sender's"],
            ) from error

    @contextmanager
    def _opened(self) -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]]:
        with self.path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            if start == b"PK\x03\x04":
                with self.naming("at its end"):  # Where its directory is.
                    archive = zipfile.ZipFile(file)
                with archive:
                    yield _zip_members(archive)
            elif start == b"\x28\xb5\x2f\xfd":
                with decompressing(file) as plain:
                    yield _tar_members(plain)
            elif start[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=file) as plain:
                    yield _tar_members(cast("IO[bytes]", plain))
            else:
                yield _tar_members(file)


def _kind(member: tarfile.TarInfo) -> str:
    if member.isdir():
        return "dir"
    if member.islnk():
        return "hard link"
    return "link" if member.issym() else "file"


def _tar_members(stream: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=2, tarinfo=BoundedHeader) as archive:
        for member in archive:
            yield member, archive.extractfile(member) if member.isreg() else None
    # Read to its end, so that the checksums of the compression count.
    while stream.read(_BLOCK):
        pass


def _zip_members(
    archive: zipfile.ZipFile,
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    for one in archive.infolist():
        mode = one.external_attr >> 16
        member = tarfile.TarInfo(one.filename)
        member.mode, member.size = stat.S_IMODE(mode), one.file_size
        if one.is_dir():
            member.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(mode):
            if one.file_size > LONGEST_LINK:
                raise ValueError(f"{one.filename}: a link of {one.file_size} bytes")
            member.type = tarfile.SYMTYPE
            member.linkname = archive.read(one).decode("utf-8", "surrogateescape")
        elif not (stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0):
            member.type = tarfile.CHRTYPE
        if member.isreg():
            with archive.open(one) as stream:
                yield member, stream
        else:
            yield member, None
