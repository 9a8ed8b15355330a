"""The index of a release and its packs: read here, by their format; see write_index.py.

No module of its own in a release: start_index.py is behind it there, as ``_lamina_start.py``, and
in a layer layer_index.py too. Nothing is imported that is a file.
"""

import _imp
import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Tuple

    Place = Tuple[int, int, bytes]
    """Offset and length in a file, and the checksum of what is there."""

FORMAT = b"lamina-start-1\n\0"
SALT = 0x6C616D696E61
MAGIC: bytes = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER
CACHED = ".%s.pyc" % sys.implementation.cache_tag
INDEX_NAME, HOT_NAME = "start.index", "hot.pack"


class BrokenIndexError(Exception):
    """The index cannot be used: why."""


BROKEN = (BrokenIndexError, ValueError, EOFError, TypeError, KeyError)
"""What reading a damaged index raises."""


def checksum(data: bytes) -> bytes:
    """Return what tells data from other data: 8 bytes, by the hash of PEP 552."""
    return _imp.source_hash(SALT, data)


def header(key: bytes, root: "Place", size: int) -> bytes:
    """Return how an index begins whose root section is at a place: 80 bytes."""
    offset, length, check = root
    numbers = b"".join(one.to_bytes(8, "little") for one in (offset, length, size))
    text = FORMAT + key.ljust(16, b"\0") + MAGIC.ljust(8, b"\0") + numbers + check
    return text + checksum(text)


class Archive:
    """The index of a release and its packs; raises BrokenIndexError for what is not as written."""

    def __init__(self, directory: str, key: "bytes | None" = None) -> None:
        self.directory = directory
        self._files: "dict[str, int]" = {}
        self._block: "tuple[str, int, bytes]" = ("", -1, b"")
        file = self._files[INDEX_NAME] = self._opened(INDEX_NAME)
        try:
            start = posix.pread(file, 80, 0)
            size = posix.fstat(file).st_size
        except OSError as error:
            raise BrokenIndexError(_reason(error)) from None
        numbers = [int.from_bytes(start[at : at + 8], "little") for at in (40, 48, 56)]
        root: "Place" = (numbers[0], numbers[1], start[64:72])
        if len(start) == 80 and start[:16] == FORMAT and start[32:36] != MAGIC:
            raise BrokenIndexError("it is for another Python")
        if start != header(start[16:32] if key is None else key, root, size):
            raise BrokenIndexError("it is of another release, or damaged")
        self.root = self.section(root)

    def _opened(self, name: str) -> int:
        """Open a file to be kept, as none of the standard streams: a closed one stays closed."""
        try:
            file = posix.open(self.directory + "/" + name, posix.O_RDONLY)
        except OSError as error:
            raise BrokenIndexError(_reason(error)) from None
        if file > 2:
            return file
        try:
            return self._opened(name)
        finally:
            posix.close(file)

    def section(self, place: "Place") -> "Any":
        """Return a part of the index."""
        return marshal.loads(self.read(INDEX_NAME, place))

    def read(self, name: str, place: "Place") -> bytes:
        """Return what is at a place of a file.

        Whoever closes all descriptors closes this one too, and another file may have its number:
        what is read there is not what was asked for.
        """
        try:
            return _checked(self.file(name), name, place)
        except BrokenIndexError:
            self._files[name] = self._opened(name)
        return _checked(self._files[name], name, place)

    def file(self, name: str) -> int:
        """Return the descriptor of a file that is kept open."""
        if name not in self._files:
            self._files[name] = self._opened(name)
        return self._files[name]

    def code(self, pack: str, where: "tuple[Any, ...]") -> "CodeType":
        """Return the code of a module: from the pack of what a start needs, else from its own."""
        length, check, hot, *cold = where
        if hot >= 0:
            return marshal.loads(self.read(HOT_NAME, (hot, length, check)))  # type: ignore[no-any-return]
        offset, packed, whole, inside, *other = cold
        pack = other[0] if other else pack
        block = self._block  # Another thread may replace it.
        if block[:2] != (pack, offset):
            block = self._block = (pack, offset, self._unpacked(pack, (offset, packed, whole)))
        data = block[2][inside : inside + length]
        if checksum(data) != check:
            raise BrokenIndexError("%s is damaged" % pack)
        return marshal.loads(data)  # type: ignore[no-any-return]

    def _unpacked(self, pack: str, place: "Place") -> bytes:
        from zlib import decompress

        file = self._opened(pack)
        try:
            return decompress(_checked(file, pack, place))
        finally:
            posix.close(file)


def _checked(file: int, name: str, place: "Place") -> bytes:
    """Return what is at a place of an open file."""
    offset, length, check = place
    try:
        data = posix.pread(file, length, offset)
    except OSError as error:
        raise BrokenIndexError(_reason(error)) from None
    if checksum(data) != check:
        raise BrokenIndexError("%s is damaged" % name)
    return data


def _reason(error: OSError) -> str:
    return "%s: %s" % (error.filename or "reading it", error.strerror)
