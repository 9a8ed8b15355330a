"""What a compiled file says of how it was compiled: cheap byte searches, and its ELF headers."""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.version import InvalidVersion, Version

from lamina.engines.elf import Elf, read_elf

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NumpyUse = Literal["", "one", "either"]
"""No use of numpy's C-API, one that only numpy 1 answers, one that numpy 2 answers as well."""

_MODULE = re.compile(r"\.(cpython-\d+[a-z]*(?:-[^.]+)?|abi3|cp\d+-[^.]+)?\.?so$")
_FLOOR = re.compile(rb"compiled against NumPy C-API version 0x%x \(NumPy (\d+\.\d+)")
_DIRECT = re.compile(rb"compiled against (?:NumPy C-)?API version 0x%x")
_INTERNALS = re.compile(rb"__pybind11_internals_v(\d+)")
_BIG = 16 * 2**20
_SYMBOLS = ("GLIBC", "GLIBCXX", "CXXABI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A compiled file of a distribution."""

    path: str
    """Relative to the directory that the distribution is in."""
    abi: str
    """The ABI in its name: ``cpython-312-x86_64-linux-gnu``, ``abi3``, or none."""
    numpy: NumpyUse
    direct: bool
    """Whether it uses numpy's headers itself, not only through pybind11's, which ask numpy."""
    floor: str
    """The oldest numpy that it accepts, where it says so."""
    pybind11: str
    """Version of pybind11's internals: modules of different versions share no types."""
    needs: tuple[str, ...]
    """SONAMEs of the libraries that it is linked to."""
    search: tuple[str, ...]
    """Where it looks for them first: DT_RPATH and DT_RUNPATH."""
    symbols: tuple[str, ...]
    """The newest version of each set of the system's symbols, such as ``GLIBC_2.28``."""

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]

    @property
    def module(self) -> str | None:
        """The dotted name that it is imported by, None for a library."""
        stem = self.name.partition(".")[0]
        parts = [*self.path.split("/")[:-1], stem]
        is_module = _MODULE.search(self.name) is not None and not stem.startswith("lib")
        return ".".join(parts) if is_module and all(map(str.isidentifier, parts)) else None


def read_binary(location: Path, path: str) -> Binary | None:
    """Return what a file says of itself, None when it is not there or no compiled file."""
    try:
        with (
            (location / path).open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            return _read(path, content)
    except (OSError, ValueError):  # Not there, or empty.
        return None


def _read(path: str, content: mmap.mmap) -> Binary | None:
    if content[:4] not in {b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"}:
        return None  # The stub of a linker, or a text.
    name = path.rpartition("/")[2]
    match = None if name.startswith("lib") else _MODULE.search(name)
    # What is big is a library from elsewhere, such as LLVM: searching it is what would cost time.
    small = match is not None or len(content) < _BIG
    numpy = small and content.find(b"_ARRAY_API", 0) >= 0
    pybind11 = _INTERNALS.search(content) if match else None
    headers = read_elf(content) or Elf()  # A broken one says nothing.
    floor = _FLOOR.search(content) if numpy else None
    ready = numpy and content.find(b"numpy._core", 0) >= 0
    return Binary(
        path=path,
        abi=(match[1] or "") if match else "",
        numpy=("either" if ready else "one") if numpy else "",
        direct=numpy and (pybind11 is None or _DIRECT.search(content) is not None),
        floor=floor[1].decode() if floor else "",
        pybind11=pybind11[1].decode() if pybind11 else "",
        needs=headers.needs,
        search=headers.search,
        symbols=newest_symbols(headers.wanted),
    )


def newest_symbols(names: Iterable[str]) -> tuple[str, ...]:
    """Return the newest of each of the system's sets of symbol versions."""
    newest: dict[str, Version] = {}
    for name in names:
        group, _, text = name.rpartition("_")
        if group not in _SYMBOLS:
            continue
        try:
            version = Version(text)
        except InvalidVersion:  # GLIBC_PRIVATE
            continue
        newest[group] = max(newest.get(group, version), version)
    return tuple(f"{group}_{version}" for group, version in sorted(newest.items()))
