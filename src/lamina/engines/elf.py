"""The headers of an ELF file that the dynamic loader reads: what it needs, and of which versions.

A whole parser takes milliseconds a file, and a base has hundreds: these are the few structures of
the System V ABI (chapter 5) and of the GNU symbol versions (Linux Standard Base 5.0, 10.7) that
count, found through the program headers as the loader does, since sections may be stripped.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterable
    from pathlib import Path

    Content = bytes | mmap.mmap

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _NAMES, _RPATH, _RUNPATH = 1, 5, 15, 29
VENDORED = re.compile(r"-[0-9a-f]{8}\.")
"""In the name of a library that the wheel itself has brought, renamed by auditwheel."""
_MOST = 10_000
"""More names of versions than any library has: the counts of a broken file lead in circles."""
_DEFINED, _DEFINED_COUNT, _WANTED, _WANTED_COUNT = range(0x6FFFFFFC, 0x70000000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """What a program or library says to the dynamic loader."""

    needs: tuple[str, ...] = ()
    """SONAMEs of the libraries that it is linked to (DT_NEEDED)."""
    search: tuple[str, ...] = ()
    """Where it looks for them first (DT_RPATH, DT_RUNPATH), ``$ORIGIN`` as it stands."""
    wanted: tuple[str, ...] = ()
    """The versions of symbols that it uses of others, such as ``GLIBC_2.28``; not of a library that
    a wheel has brought under a name of its own (``libstdc++-0123abcd.so.6``)."""
    defined: tuple[str, ...] = ()
    """The versions of symbols that it has itself."""


def read_elf(content: Content) -> Elf | None:
    """Return the headers of an ELF file, None for any other file and for a broken one."""
    if content[:4] != b"\x7fELF":
        return None
    try:
        return _Reader(content).read()
    except (struct.error, ValueError, IndexError, OverflowError):
        return None


def filled_in(search: Iterable[str], origin: Path) -> tuple[str, ...]:
    """Return a search path with the directory of the file that has it for ``$ORIGIN``."""
    return tuple(re.sub(r"\$(ORIGIN|\{ORIGIN\})", lambda _: str(origin), one) for one in search)


class _Reader:
    def __init__(self, content: Content) -> None:
        self.content = content
        self.wide = content[4] == 2
        self.order = ">" if content[5] == 2 else "<"
        self.segments: list[tuple[int, int, int, int]] = []

    def read(self) -> Elf:
        self.segments = list(self._segments())
        entries = self._dynamic()
        single = dict(entries)
        if _NAMES not in single:
            return Elf()  # Linked statically, or an object file.
        names = self._place(single[_NAMES])
        paths = [self._text(names + at) for tag, at in entries if tag in {_RPATH, _RUNPATH}]
        needs = (self._text(names + at) for tag, at in entries if tag == _NEEDED)
        wanted, defined = [], []
        if _WANTED in single:
            wanted = self._wanted(self._place(single[_WANTED]), single.get(_WANTED_COUNT, 0), names)
        if _DEFINED in single:
            count = single.get(_DEFINED_COUNT, 0)
            defined = self._defined(self._place(single[_DEFINED]), count, names)
        return Elf(
            needs=tuple(dict.fromkeys(needs)),
            search=tuple(one for path in paths for one in path.split(":") if one),
            wanted=tuple(wanted),
            defined=tuple(defined),
        )

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + form, self.content, at)

    def _segments(self) -> list[tuple[int, int, int, int]]:
        """Return kind, place in the file, address and size in the file of each segment."""
        start = self._unpack("Q" if self.wide else "I", 32 if self.wide else 28)[0]
        size, count = self._unpack("HH", 54 if self.wide else 42)
        found = []
        for at in range(start, start + size * count, size or 1):
            if self.wide:
                kind, _, place, address, _, length = self._unpack("IIQQQQ", at)
            else:
                kind, place, address, _, length = self._unpack("IIIII", at)
            found.append((kind, place, address, length))
        return found

    def _dynamic(self) -> list[tuple[int, int]]:
        """Return the tags with their values, up to the one that ends them."""
        form = "qQ" if self.wide else "iI"
        step = struct.calcsize(self.order + form)
        found = []
        for kind, place, _, length in self.segments:
            if kind != _DYNAMIC:
                continue
            for at in range(place, place + length, step):
                tag, value = self._unpack(form, at)
                if tag == 0:
                    break
                found.append((tag, value))
        return found

    def _place(self, address: int) -> int:
        """Return where in the file something is that the loader finds at an address."""
        for kind, place, start, length in self.segments:
            if kind == _LOAD and start <= address < start + length:
                return place + address - start
        raise ValueError(f"no segment has the address {address:#x}")

    def _text(self, at: int) -> str:
        end = self.content.find(b"\0", at)
        if end < 0:
            raise ValueError("a name does not end")
        return self.content[at:end].decode("utf-8", "surrogateescape")

    def _wanted(self, at: int, count: int, names: int) -> list[str]:
        """Return the names in a chain of Verneed, each with its Vernaux."""
        found: list[str] = []
        for _ in range(min(count, _MOST)):
            _, inner, library, first, after = self._unpack("HHIII", at)
            brought = VENDORED.search(self._text(names + library)) is not None
            place = at + first
            for _ in range(0 if brought else min(inner, _MOST - len(found))):
                _, _, _, name, step = self._unpack("IHHII", place)
                found.append(self._text(names + name))
                place += step
            at += after
        return found

    def _defined(self, at: int, count: int, names: int) -> list[str]:
        """Return the names in a chain of Verdef; the first Verdaux of each is its own."""
        found = []
        for _ in range(min(count, _MOST)):
            _, _, _, _, _, first, after = self._unpack("HHHHIII", at)
            found.append(self._text(names + self._unpack("II", at + first)[0]))
            at += after
        return found
