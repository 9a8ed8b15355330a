"""What a file of an index says about itself: its requirements, read without installing it."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

from lamina.archive.damage import DAMAGE, MISSHAPEN
from lamina.core import fs
from lamina.core.errors import IntegrityError, LaminaError, StorageError
from lamina.core.run import redact
from lamina.model.digests import digest_of_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.core.http import HttpClient
    from lamina.engines.index_pages import Offer
    from lamina.model.digests import Sha256

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_TAIL = 32_768
"""How much of the end of a wheel is fetched at once: its table of contents as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMetadata:
    """The part of a file's metadata that decides what it needs."""

    requirements: tuple[Requirement, ...]
    is_final: bool
    """False for sources that tell what they need only when they are built."""
    requires_python: str = ""
    """PEP 440 range of the Pythons it is for, empty where it says nothing."""


class MetadataCache:
    """Metadata that was read before, by the digest of its file."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache / "metadata"

    def read(self, filename: str, sha256: Sha256 | None) -> FileMetadata | None:
        """Return what is kept of a file, None where nothing is."""
        try:
            content = (self._cache / f"{sha256}.metadata").read_bytes()
        except OSError:
            return None
        return _metadata_of(filename, content)

    def keep(self, sha256: Sha256, content: bytes) -> None:
        """Keep what a file says, without its description; a cache may fail."""
        try:
            fs.make_directory(self._cache)
            fs.write_bytes(self._cache / f"{sha256}.metadata", _headers(content) + b"\n\n")
        except StorageError:
            return


class MetadataReader:
    """Reads metadata and keeps it by the file's digest; threads may share one."""

    def __init__(self, client: HttpClient, cache: Path) -> None:
        self._client = client
        self._cache = MetadataCache(cache)

    def read(self, offer: Offer) -> FileMetadata:
        """Return the metadata of a wheel or source distribution.

        Raises IntegrityError when what the index serves is not what its page says, LaminaError
        when it has no metadata, UpstreamUnavailableError when it does not answer.
        """
        kept = self._cache.read(offer.filename, offer.sha256)
        if kept is not None:
            return kept
        content = self._fetch(offer)
        if offer.sha256:
            self._cache.keep(offer.sha256, content)
        return _metadata_of(offer.filename, content)

    def _fetch(self, offer: Offer) -> bytes:
        if offer.metadata_sha256:
            return self._get(f"{offer.address}.metadata", offer.metadata_sha256, offer.filename)
        try:
            if offer.filename.endswith(".whl"):
                return self._from_wheel(offer)
            return _from_sources(self._get(offer.address, offer.sha256, offer.filename))
        except (*DAMAGE, *MISSHAPEN, StopIteration) as error:
            raise LaminaError(f"{offer.filename} has no metadata") from error

    def _from_wheel(self, offer: Offer) -> bytes:
        """Read a wheel's metadata, by parts where the server can; wheels may have gigabytes.

        Parts cannot be compared with the digest of the whole: they are good for a report, never
        for what is installed.
        """
        tail = self._client.get(offer.address, byte_range=f"-{_TAIL}")
        total = tail.content_range.rpartition("/")[2]
        if tail.status != 206 or not total.isdecimal():
            return _metadata_of_wheel(
                io.BytesIO(self._get(offer.address, offer.sha256, offer.filename))
            )
        parts = _Parts(self._client, offer.address, int(total), tail.content)
        return _metadata_of_wheel(io.BufferedReader(parts, _TAIL))

    def _get(self, address: str, sha256: str | None, filename: str) -> bytes:
        page = self._client.get(address)
        if page.status != 200:
            raise LaminaError(f"the index does not serve {filename}: HTTP status {page.status}")
        if sha256 and digest_of_bytes(page.content) != sha256:
            raise IntegrityError(
                f"{filename}: the index serves content with sha256 "
                f"{digest_of_bytes(page.content)}, its page says {sha256}"
            )
        return page.content


class _Parts(io.RawIOBase):
    """A file on a server, of which only the parts that are read are fetched."""

    def __init__(self, client: HttpClient, address: str, total: int, tail: bytes) -> None:
        self._client = client
        self._address = address
        self._total = total
        self._tail = tail
        self._position = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read anywhere."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._total}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read, from the end of the file that is known or from the server."""
        end = min(self._position + len(buffer), self._total)
        if end <= self._position:
            return 0
        known = self._total - len(self._tail)
        if self._position >= known:
            data = self._tail[self._position - known : end - known]
        else:
            end = min(end, known)
            wanted = f"{self._position}-{end - 1}"
            page = self._client.get(self._address, byte_range=wanted)
            if page.status != 206 or len(page.content) != end - self._position:
                raise LaminaError(f"{redact(self._address)}: the server does not serve parts of it")
            data = page.content
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _metadata_of_wheel(stream: IO[bytes]) -> bytes:
    with zipfile.ZipFile(stream) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        return archive.read(name)


def _from_sources(content: bytes) -> bytes:
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            name = next(one for one in archive.namelist() if _is_top_metadata(one))
            return archive.read(name)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        member = next(one for one in tar if _is_top_metadata(one.name))
        stream = tar.extractfile(member)
        return stream.read() if stream else b""


def _is_top_metadata(name: str) -> bool:
    return name.count("/") == 1 and name.endswith("/PKG-INFO")


def _metadata_of(filename: str, content: bytes) -> FileMetadata:
    found = parse_metadata(content)
    return replace(found, is_final=True) if filename.endswith(".whl") else found


def _headers(content: bytes) -> bytes:
    """Return metadata without the description below it, which may be long."""
    return _END_OF_HEADERS.split(content, maxsplit=1)[0]


def headers_of(content: bytes) -> dict[str, list[str]]:
    """Return the headers of METADATA or PKG-INFO by name in lower case, without the description.

    A general reader of e-mail takes several times as long, and a stack has hundreds of files.
    """
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for line in _headers(content).decode("utf-8", "replace").splitlines():
        name, separator, value = line.partition(":")
        if line[:1] in {" ", "\t"}:
            values[-1:] = [f"{one} {line.strip()}" for one in values[-1:]]
        elif separator:
            values = found.setdefault(name.strip().lower(), [])
            values.append(value.strip())
    return found


def parse_metadata(content: bytes) -> FileMetadata:
    """Read METADATA or PKG-INFO; requirements that PEP 508 does not allow are passed over."""
    headers = headers_of(content)
    requirements = []
    for text in headers.get("requires-dist", []):
        try:
            requirements.append(Requirement(text))
        except InvalidRequirement:
            continue
    [written, *_] = headers.get("metadata-version", ["1.0"])
    version = tuple(int(one) for one in written.split(".") if one.isdecimal())
    dynamic = {one.lower() for one in headers.get("dynamic", [])}
    return FileMetadata(
        requirements=tuple(requirements),
        is_final=bool(requirements) or (version >= (2, 2) and "requires-dist" not in dynamic),
        requires_python=headers.get("requires-python", [""])[0],
    )
