"""The payload of an installer, in parts that have a digest each, so that damage can be named."""

from __future__ import annotations

from hashlib import sha256
from typing import IO, TYPE_CHECKING

from lamina.core.errors import IntegrityError
from lamina.export.installer_header import BLOCK, MOST_PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.export.installer_header import Header

_SMALLEST = 8 << 20
_COPY = 1 << 20


def part_size(bound: int) -> int:
    """Return how long parts are when the payload has not more than ``bound`` bytes."""
    size = _SMALLEST
    while size * MOST_PARTS < bound:
        size *= 2
    return size


class PartsStream:
    """Passes on what is written, and knows the digest of each part of it."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        assert size % BLOCK == 0  # noqa: S101 (dd skips whole blocks)
        self._stream, self._part = stream, size
        self._whole, self._current, self._done = sha256(), sha256(), list[str]()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Take more."""
        self._stream.write(data)
        self._whole.update(data)
        view = memoryview(data)
        while view:
            room = self._part - self.size % self._part
            self._current.update(view[:room])
            self.size += len(view[:room])
            view = view[room:]
            if self.size % self._part == 0:
                self._end()
        return len(data)

    def _end(self) -> None:
        self._done.append(self._current.hexdigest())
        self._current = sha256()

    @property
    def digest(self) -> str:
        """Return the digest of all of it."""
        return self._whole.hexdigest()

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the digests of the parts; the last may be shorter."""
        rest = () if self.size % self._part == 0 else (self._current.hexdigest(),)
        return (*self._done, *rest)


def checked_payload(stream: IO[bytes], header: Header, path: Path) -> Iterator[bytes]:
    """Yield the payload behind a header; raises IntegrityError that names the part."""
    stream.seek(BLOCK)
    left, count = header.payload_size, len(header.parts)
    for number, expected in enumerate(header.parts, start=1):
        digest, room = sha256(), min(header.part_size, left)
        while room and (block := stream.read(min(_COPY, room))):
            digest.update(block)
            room -= len(block)
            left -= len(block)
            yield block
        if room:
            raise IntegrityError(f"{path}: cut off in part {number} of {count}")
        if digest.hexdigest() != expected:
            raise IntegrityError(f"{path}: part {number} of {count} is altered")
    if left or stream.read(1):
        raise IntegrityError(f"{path}: altered: there is more after its last part")
