"""One layer of an image: a compressed tar, the same bytes for the same files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Literal, cast

from lamina.archive.zstd import compressing
from lamina.export.oci.blobs import Descriptor, HashingStream
from lamina.export.writers import LEVEL, GzipStream, TarWriter, threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lamina.export.cargo import Cargo
    from lamina.export.oci.blobs import Blobs

Compression = Literal["gzip", "zstd"]

MEMBER_TIME = 315_532_800
"""1980-01-01, of every member: a layer does not tell when it was made, and zip can hold it."""
_STICKY = frozenset({"tmp", "var/tmp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLayer:
    """A layer that is in the blobs."""

    title: str
    descriptor: Descriptor
    diff_id: str
    """The digest of the tar."""


@dataclass(slots=True)
class LayerWriting:
    """A layer that is being written."""

    title: str
    writer: TarWriter
    done: WrittenLayer | None = None

    @property
    def layer(self) -> WrittenLayer:
        """What came of it, once it is closed."""
        assert self.done is not None  # noqa: S101 (asked for after the with block only)
        return self.done


@contextmanager
def writing_layer(blobs: Blobs, title: str, compression: Compression) -> Iterator[LayerWriting]:
    """Let the enclosed code write the members of a layer."""
    with blobs.adding() as blob:
        with _compressed(cast("IO[bytes]", blob), compression) as packed:
            plain = HashingStream(packed)
            writing = LayerWriting(title, TarWriter(cast("IO[bytes]", plain), MEMBER_TIME))
            yield writing
            writing.writer.close()
        writing.done = WrittenLayer(
            title=title,
            descriptor=Descriptor(
                media_type=f"application/vnd.oci.image.layer.v1.tar+{compression}",
                digest=blob.digest,
                size=blob.size,
            ),
            diff_id=plain.digest,
        )


@contextmanager
def _compressed(stream: IO[bytes], compression: Compression) -> Iterator[IO[bytes]]:
    if compression == "zstd":
        with compressing(stream, level=LEVEL, threads=threads()) as packed:
            yield packed
        return
    with ThreadPoolExecutor(threads()) as pool:
        gzip = GzipStream(stream, pool)
        yield cast("IO[bytes]", gzip)
        gzip.close()


def placed(cargo: Cargo, paths: Iterable[str], at: str) -> Cargo:
    """Return some files of a cargo, by their paths in an image."""
    chosen = list(paths)
    return replace(
        cargo,
        entries={f"{at}/{one}": cargo.entries[one] for one in chosen},
        sources={f"{at}/{one}": cargo.sources[one] for one in chosen},
        rooms={f"{at}/{one}": cargo.rooms[one] for one in chosen if one in cargo.rooms},
        first=tuple(f"{at}/{one}" for one in cargo.first if one in set(chosen)),
    )


def add_parents(writer: TarWriter, path: str) -> list[str]:
    """Add the directories that a path is in, as a system has them; return them."""
    found = parents_of(path)
    for one in found:
        writer.directory(one, 0o1777 if one in _STICKY else 0o755)
    return found


def parents_of(path: str) -> list[str]:
    """Return the directories that a path is in."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
