"""Blobs by their digests, in a directory as an OCI image layout has it (image-spec 1.1)."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.model.digests import digest_of_bytes, parse_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY_DIGEST = "sha256:" + hashlib.sha256(b"{}").hexdigest()
"""Of the empty document, which is what a registry can be asked for at any time."""
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS = frozenset({MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({INDEX, DOCKER_INDEX})

LARGEST_DOCUMENT = 1 << 22
"""Bytes: registries take manifests of 4 MB at most."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a document says of a blob."""

    media_type: str
    digest: str
    """``sha256:`` and the hexadecimal digest."""
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""

    def value(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        value: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        if self.platform:
            value["platform"] = dict(self.platform)
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value


def descriptor_of(value: Any, where: str) -> Descriptor:
    """Read a descriptor; raises IntegrityError where it is none."""
    try:
        digest = f"sha256:{parse_sha256(value['digest'])}"
        if digest != value["digest"] or not isinstance(value["size"], int) or value["size"] < 0:
            raise ValueError("no digest and size")  # noqa: TRY301
        return Descriptor(
            media_type=str(value["mediaType"]),
            digest=digest,
            size=value["size"],
            annotations={str(key): str(one) for key, one in _table(value, "annotations").items()},
            platform={
                key: one for key, one in _table(value, "platform").items() if isinstance(one, str)
            },
            artifact_type=str(value.get("artifactType", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"{where}: not what a blob is described by: {error}") from error


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value.get(key) or {})


def json_bytes(value: Any) -> bytes:
    """Return a document as it is written: sorted, without white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class HashingStream:
    """Passes on what is written, and knows its digest and size."""

    def __init__(self, stream: IO[bytes] | None = None) -> None:
        self._stream, self._hash, self.size = stream, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        """Take more."""
        self._hash.update(data)
        self.size += len(data)
        if self._stream is not None:
            self._stream.write(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: the file is flushed where it is closed."""

    @property
    def digest(self) -> str:
        """Of all that was written so far."""
        return f"sha256:{self._hash.hexdigest()}"


class Blobs:
    """The blobs of one layout."""

    def __init__(self, layout: Path) -> None:
        self.layout = layout
        self.directory = layout / "blobs" / "sha256"

    def path(self, digest: str) -> Path:
        """Return where a blob is."""
        return self.directory / parse_sha256(digest)

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Put a small blob in."""
        digest = f"sha256:{digest_of_bytes(data)}"
        fs.make_directory(self.directory)
        fs.write_bytes(self.path(digest), data, durable=False)
        return Descriptor(media_type=media_type, digest=digest, size=len(data))

    def add_document(self, value: Mapping[str, Any]) -> Descriptor:
        """Put a document in that says its own media type."""
        return self.add(json_bytes(value), str(value["mediaType"]))

    @contextmanager
    def adding(self) -> Iterator[HashingStream]:
        """Let the enclosed code write a blob, which is there under its digest afterwards."""
        fs.make_directory(self.directory)
        handle, name = tempfile.mkstemp(dir=self.layout, prefix=".blob-")
        try:
            with fs.change("write", Path(name)), os.fdopen(handle, "wb") as file:
                stream = HashingStream(file)
                yield stream
            fs.set_mode(Path(name), 0o644)
            fs.rename(Path(name), self.path(stream.digest))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def copy(self, source: Blobs, one: Descriptor) -> None:
        """Take a blob of another layout; raises IntegrityError where it is not what it was."""
        if self.path(one.digest).exists():
            return
        with self.adding() as target:
            for block in source.blocks(one):
                target.write(block)

    def blocks(self, one: Descriptor) -> Iterator[bytes]:
        """Yield a blob; raises IntegrityError, naming it, unless it is as described."""
        path, digest, left = self.path(one.digest), hashlib.sha256(), one.size
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            raise IntegrityError(f"{self.layout}: the blob {one.digest} is missing") from None
        with stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                left -= len(block)
                yield block
        if left or f"sha256:{digest.hexdigest()}" != one.digest:
            how = "cut off" if left > 0 else "altered"
            raise IntegrityError(
                f"{self.layout}: the blob {one.digest} is {how}",
                hints=["get it once more from where it came from"],
            )

    def check(self, one: Descriptor) -> None:
        """Raise IntegrityError, naming the blob, unless it is as described."""
        for _ in self.blocks(one):
            pass

    def document(self, one: Descriptor) -> dict[str, Any]:
        """Return a JSON document; raises IntegrityError."""
        return parse_document(self.data(one), f"{self.layout}: {one.digest}")

    def data(self, one: Descriptor) -> bytes:
        """Return a small blob; raises IntegrityError."""
        if one.size > LARGEST_DOCUMENT:
            raise IntegrityError(f"{self.layout}: {one.digest} is too large for a document")
        return b"".join(self.blocks(one))


def parse_document(data: bytes, where: str) -> dict[str, Any]:
    """Read a JSON object; raises IntegrityError."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{where}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise IntegrityError(f"{where}: no JSON object")
    return value
