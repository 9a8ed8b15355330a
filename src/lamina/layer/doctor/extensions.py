"""The compiled modules of a distribution."""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.elf import filled_in, read_elf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lamina.layer.doctor.installed import Copy

_TAGGED = re.compile(
    r"(?P<stem>[^.]+)\.(?P<tag>cpython-\d[^.]*|cp\d+-[^.]*|pypy\d[^.]*)\.(?:so|pyd)$"
)
_ABI3 = re.compile(r"(?P<stem>[^.]+)\.abi3\.so$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A compiled module whose name says for which Python it is."""

    path: Path
    stem: str
    tag: str
    """Such as ``cpython-312-x86_64-linux-gnu``; ``abi3`` for the stable ABI."""

    @property
    def place(self) -> tuple[Path, str]:
        """What files of the same module have in common."""
        return self.path.parent, self.stem

    def usable(self, suffixes: Sequence[str]) -> bool:
        """Tell whether an interpreter that imports files of these endings would look at it."""
        return any(self.path.name == self.stem + end for end in suffixes)


def extensions_of(copy: Copy) -> Iterator[Extension]:
    """Yield the compiled modules that a RECORD lists."""
    for name, _ in copy.record:
        if name.endswith((".so", ".pyd")) and not name.startswith(".."):
            path = Path(copy.location, name)
            if match := _TAGGED.fullmatch(path.name):
                yield Extension(path=path, stem=match["stem"], tag=match["tag"])
            elif match := _ABI3.fullmatch(path.name):
                yield Extension(path=path, stem=match["stem"], tag="abi3")


def contains(path: Path, wanted: bytes, *unwanted: bytes) -> bool:
    """Tell whether a file contains some bytes and none of others."""
    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            return content.find(wanted) >= 0 and all(content.find(one) < 0 for one in unwanted)
    except (OSError, ValueError):  # Not there, or empty.
        return False


def start_of(path: Path) -> bytes:
    """Return the bytes that say what machine a program or library is for; empty if unreadable."""
    try:
        with path.open("rb") as stream:
            head = stream.read(20)
    except OSError:
        return b""
    # ELF: magic number, class, byte order; then the machine. Mach-O: magic number, processor.
    return head[:6] + head[18:20] if head[:4] == b"\x7fELF" else head[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The libraries that a file is linked to."""

    names: tuple[str, ...]
    search: tuple[str, ...]
    """Where it looks for them first, ``$ORIGIN`` filled in."""
    symbols: tuple[str, ...] = ()
    """The versions of their symbols that it uses, such as ``GLIBC_2.28``."""


def needs_of(path: Path) -> Needs | None:
    """Return what an ELF file needs (DT_NEEDED, DT_RPATH, DT_RUNPATH), None for other files."""
    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            found = read_elf(content)
    except (OSError, ValueError):  # Not there, or empty.
        return None
    if found is None:
        return None
    return Needs(
        names=found.needs, search=filled_in(found.search, path.parent), symbols=found.wanted
    )
