"""Archives that are written as a stream: a member at a time, the same bytes for the same members.

Owners are root and every member has one time, so only content, modes and names count.
"""

from __future__ import annotations

import os
import stat
import tarfile
import time
import zipfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Literal, Protocol, cast, get_args

from deflate import gzip_compress

from lamina.archive.zstd import compressing
from lamina.core.errors import NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["tar.zst", "tar.gz", "tar", "zip"]
FORMATS: tuple[Format, ...] = get_args(Format)

LEVEL = 9
"""Of zstd: what conda-pack uses."""
GZIP_LEVEL = 3
"""Of libdeflate: smaller than zlib's level 4, conda-pack's, in half of the time."""
_MOST = 4
"""Threads: each takes tens of megabytes, and whole nodes have hundreds of cores."""
_BLOCK = 1 << 20
_ZIP_TIMES = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""The first and the last that there is in a zip."""


class ArchiveWriter(Protocol):
    """Takes the members of an archive, each after the directory that it is in."""

    def directory(self, name: str, mode: int) -> None:
        """Add a directory."""

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""

    def file(self, name: str, mode: int, size: int, blocks: Iterator[bytes]) -> None:
        """Add a file of ``size`` bytes, which come in blocks."""


class TarWriter:
    """Writes a tar (GNU format) into a stream; ``close`` ends it."""

    def __init__(self, stream: IO[bytes], seconds: int) -> None:
        self._stream = stream
        self._seconds = seconds
        self._size = 0

    def directory(self, name: str, mode: int) -> None:
        """Add a directory."""
        self._head(f"{name}/", tarfile.DIRTYPE, mode)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._head(name, tarfile.SYMTYPE, 0o777, target=target)

    def file(self, name: str, mode: int, size: int, blocks: Iterator[bytes]) -> None:
        """Add a file."""
        self._head(name, tarfile.REGTYPE, mode, size=size)
        for block in blocks:
            self._put(block)
        self._put(bytes(-size % tarfile.BLOCKSIZE))

    def close(self) -> None:
        """Write the end, as long as tar(1) writes it."""
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        self._put(bytes(-self._size % tarfile.RECORDSIZE))

    def _head(self, name: str, kind: bytes, mode: int, *, target: str = "", size: int = 0) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.linkname, member.size = kind, mode, target, size
        member.mtime = self._seconds
        member.uname = member.gname = "root"
        self._put(member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))

    def _put(self, data: bytes) -> None:
        self._stream.write(data)
        self._size += len(data)


class ZipWriter:
    """Writes a zip as Info-ZIP does on Unix: with modes, and links as such."""

    def __init__(self, archive: zipfile.ZipFile, seconds: int) -> None:
        self._archive = archive
        first, last = _ZIP_TIMES
        self._time = min(max(time.gmtime(seconds)[:6], first), last)

    def directory(self, name: str, mode: int) -> None:
        """Add a directory."""
        self._archive.writestr(self._member(f"{name}/", stat.S_IFDIR | mode), b"")

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link: its content is its target."""
        member = self._member(name, stat.S_IFLNK | 0o777)
        self._archive.writestr(member, target.encode("utf-8", "surrogateescape"))

    def file(self, name: str, mode: int, size: int, blocks: Iterator[bytes]) -> None:
        """Add a file."""
        member = self._member(name, stat.S_IFREG | mode)
        member.file_size = size
        with self._archive.open(member, "w") as stream:
            for block in blocks:
                stream.write(block)

    def _member(self, name: str, mode: int) -> zipfile.ZipInfo:
        """Return what is said of a member; raises NotSupportedError for a name that is no text."""
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise NotSupportedError(
                f"{name!r}: a name that is not UTF-8, which a zip cannot have",
                hints=["--format tar.zst"],
            )
        member = zipfile.ZipInfo(name, self._time)
        member.external_attr = mode << 16
        member.create_system = 3
        member.compress_type = zipfile.ZIP_DEFLATED
        return member


class GzipStream:
    """gzip, compressed in blocks by several threads; the bytes do not show how many.

    Each block is a member (RFC 1952, 2.2), which readers put together again.
    """

    def __init__(self, stream: IO[bytes], pool: ThreadPoolExecutor) -> None:
        self._stream, self._pool = stream, pool
        self._rest = bytearray()
        self._waiting: deque[Future[bytearray]] = deque()

    def write(self, data: bytes) -> int:
        """Take more."""
        self._rest += data
        while len(self._rest) >= _BLOCK:
            self._send(bytes(self._rest[:_BLOCK]))
            del self._rest[:_BLOCK]
        return len(data)

    def close(self) -> None:
        """Write what is left."""
        self._send(bytes(self._rest))
        while self._waiting:
            self._stream.write(self._waiting.popleft().result())

    def _send(self, data: bytes) -> None:
        self._waiting.append(self._pool.submit(gzip_compress, data, GZIP_LEVEL))
        if len(self._waiting) > 8:
            self._stream.write(self._waiting.popleft().result())


def threads() -> int:
    """Return how many threads compress: one for each core of this process, and at most 4."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(_MOST, cores or 1)


@contextmanager
def archiving(stream: IO[bytes], form: Format, seconds: int) -> Iterator[ArchiveWriter]:
    """Write an archive into a stream; ``seconds`` since 1970 is the time of every member."""
    match form:
        case "zip":
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                yield ZipWriter(archive, seconds)
        case "tar.zst":
            with compressing(stream, level=LEVEL, threads=threads()) as packed:
                yield from _tarring(packed, seconds)
        case "tar.gz":
            with ThreadPoolExecutor(threads()) as pool:
                gzip = GzipStream(stream, pool)
                yield from _tarring(cast("IO[bytes]", gzip), seconds)
                gzip.close()
        case "tar":
            yield from _tarring(stream, seconds)


def _tarring(stream: IO[bytes], seconds: int) -> Iterator[ArchiveWriter]:
    writer = TarWriter(stream, seconds)
    yield writer
    writer.close()
