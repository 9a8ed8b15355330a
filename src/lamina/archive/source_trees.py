"""Trees of sources as one file: the same files are the same bytes, on every machine.

A tar archive in a gzip file that is not compressed, because what a compressor makes depends on its
version: the digest of the file stands for the tree.
"""

from __future__ import annotations

import os
import struct
import tarfile
import zlib
from typing import IO, TYPE_CHECKING, Any

from lamina.archive.members import leads_out
from lamina.core import fs
from lamina.core.errors import BuildFailedError
from lamina.model.digests import Sha256, parse_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_BLOCK = 0xFFFF
_MOMENT = 315532800
"""1980-01-01, the first day that a zip archive knows."""


class _Stored:
    """Writes a gzip file of stored blocks (RFC 1951, 3.2.4; RFC 1952)."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._waiting = bytearray()
        self._check = 0
        self._size = 0
        stream.write(_HEADER)

    def write(self, data: bytes) -> int:
        """Write some of the content."""
        self._check = zlib.crc32(data, self._check)
        self._size += len(data)
        self._waiting += data
        while len(self._waiting) > _BLOCK:
            self._block(bytes(self._waiting[:_BLOCK]), last=False)
            del self._waiting[:_BLOCK]
        return len(data)

    def finish(self) -> None:
        """Write what is left, and the checksum."""
        self._block(bytes(self._waiting), last=True)
        self._stream.write(struct.pack("<LL", self._check, self._size & 0xFFFFFFFF))

    def _block(self, data: bytes, *, last: bool) -> None:
        self._stream.write(struct.pack("<BHH", last, len(data), len(data) ^ 0xFFFF) + data)


def pack_sources(directory: Path, names: Iterable[str], path: Path, *, top: str) -> Sha256:
    """Write files of a directory into an archive, below ``top``, and return its digest.

    What counts is the path of a file from the directory, its content, whether it may be run, and
    where a link points. Raises BuildFailedError for links that lead out, and for what is no file.
    """
    fs.make_directory(path.parent)
    with fs.replacing(path) as stream:
        stored = _Stored(stream)
        archive: Any = stored
        with tarfile.open(fileobj=archive, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            for name in sorted(names):
                _add(tar, directory, name, top)
        stored.finish()
    return parse_sha256(fs.sha256_of(path))


def _add(tar: tarfile.TarFile, directory: Path, name: str, top: str) -> None:
    path = directory / name
    member = tarfile.TarInfo(f"{top}/{name}")
    member.mtime = _MOMENT
    if path.is_symlink():
        member.type = tarfile.SYMTYPE
        member.linkname = os.readlink(path)  # noqa: PTH115 - a Path drops "./"
        if leads_out(name, member.linkname):
            raise BuildFailedError(f"{name}: a link to {member.linkname}, out of the sources")
        tar.addfile(member)
    elif path.is_file():
        state = path.stat()
        member.size = state.st_size
        member.mode = 0o755 if state.st_mode & 0o100 else 0o644
        with path.open("rb") as stream:
            tar.addfile(member, stream)
    else:
        raise BuildFailedError(f"{name}: neither a file nor a link")


def changed_names(old: Path, new: Path) -> list[str]:
    """Return the files that differ between two archives of sources, without their top."""
    before, after = _contents(old), _contents(new)
    names = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name) != after.get(name))


def _contents(path: Path) -> dict[str, tuple[Any, ...]]:
    found = {}
    with tarfile.open(path) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            check = zlib.crc32(stream.read()) if stream else 0
            told = (member.type, member.mode, member.size, member.linkname, check)
            found[member.name.partition("/")[2]] = told
    return found
