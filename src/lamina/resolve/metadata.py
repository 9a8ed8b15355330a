"""What a file of an index says about itself: its requirements, read without installing it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement

from lamina.core import fs
from lamina.core.errors import IntegrityError, LaminaError, StorageError
from lamina.model.digests import digest_of_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.core.http import HttpClient
    from lamina.engines.index_addresses import Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMetadata:
    """The part of a file's metadata that decides what it needs."""

    requirements: tuple[Requirement, ...]
    is_final: bool
    """False for sources that tell what they need only when they are built."""


class MetadataReader:
    """Reads metadata and keeps it by the file's digest; threads may share one."""

    def __init__(self, client: HttpClient, cache: Path) -> None:
        self._client = client
        self._cache = cache / "metadata"

    def read(self, offer: Offer) -> FileMetadata:
        """Return the metadata of a wheel or source distribution.

        Raises IntegrityError when what the index serves is not what its page says, LaminaError
        when it has no metadata, UpstreamUnavailableError when it does not answer.
        """
        kept = self._cache / f"{offer.sha256}.metadata"
        try:
            return parse_metadata(kept.read_bytes())
        except OSError:
            content = self._fetch(offer)
        if offer.sha256:
            self._keep(kept, content)
        return parse_metadata(content)

    def _keep(self, path: Path, content: bytes) -> None:
        try:
            fs.make_directory(path.parent)
            fs.write_bytes(path, content)
        except StorageError:
            return

    def _fetch(self, offer: Offer) -> bytes:
        if offer.metadata_sha256:
            return self._get(f"{offer.address}.metadata", offer.metadata_sha256, offer.filename)
        content = self._get(offer.address, offer.sha256, offer.filename)
        try:
            if offer.filename.endswith(".whl"):
                return _from_wheel(content)
            return _from_sources(content)
        except (zipfile.BadZipFile, tarfile.TarError, KeyError, StopIteration) as error:
            raise LaminaError(f"{offer.filename} has no metadata") from error

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


def _from_wheel(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
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


def parse_metadata(content: bytes) -> FileMetadata:
    """Read METADATA or PKG-INFO; requirements that PEP 508 does not allow are passed over."""
    raw, _ = parse_email(content)
    requirements = []
    for text in raw.get("requires_dist", []):
        try:
            requirements.append(Requirement(text))
        except InvalidRequirement:
            continue
    version = tuple(int(one) for one in raw.get("metadata_version", "1.0").split("."))
    dynamic = {one.lower() for one in raw.get("dynamic", [])}
    return FileMetadata(
        requirements=tuple(requirements),
        is_final=bool(requirements) or (version >= (2, 2) and "requires-dist" not in dynamic),
    )
