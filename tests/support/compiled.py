"""Compiled modules as a scan describes them, and files that look compiled to it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.engines.probe import Distribution
from lamina.layer.abi.binary import Binary
from lamina.layer.abi.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lamina.layer.abi.binary import NumpyUse

SUFFIX = "cpython-312-x86_64-linux-gnu.so"
C_FOR_NUMPY_1 = "\x7fELF numpy.core.multiarray _ARRAY_API module compiled against API version 0x%x"
C_FOR_NUMPY_2 = (
    "\x7fELF numpy._core._multiarray_umath _ARRAY_API "
    "module was compiled against NumPy C-API version 0x%x (NumPy 1.23) but the running NumPy"
)
PYBIND11_FOR_NUMPY_1 = (
    "\x7fELF numpy.core.multiarray _ARRAY_API __pybind11_internals_v4_gcc_libstdcpp_cxxabi1014__"
)


def distribution(
    name: str, version: str, *requires: str, location: str | Path = "/site"
) -> Distribution:
    """Return a distribution as its metadata describes it."""
    return Distribution(
        key=name, name=name, version=version, location=str(location),
        metadata=f"{name.replace('-', '_')}-{version}.dist-info", modules=(), requires=requires,
        extras=(), requires_python="", direct=False, editable=False, entries={}, files={},
    )  # fmt: skip


def binary(
    path: str,
    *,
    numpy: NumpyUse = "",
    direct: bool = True,
    floor: str = "",
    pybind11: str = "",
    needs: tuple[str, ...] = (),
    search: tuple[str, ...] = (),
    symbols: tuple[str, ...] = (),
    abi: str = "",
) -> Binary:
    """Return a compiled file that says nothing but what is given."""
    return Binary(
        path=path, abi=abi, numpy=numpy, direct=direct and bool(numpy), floor=floor,
        pybind11=pybind11, needs=needs, search=search, symbols=symbols,
    )  # fmt: skip


def scan(name: str, version: str, *binaries: Binary, location: str | Path = "/site") -> Scan:
    """Return a distribution with compiled files."""
    return Scan(
        name=canonicalize_name(name), version=version, location=str(location), binaries=binaries
    )


def elf(
    needs: Sequence[str] = (),
    search: str = "",
    wanted: Mapping[str, Sequence[str]] | None = None,
    defined: Sequence[str] = (),
    *,
    wide: bool = True,
    order: str = "<",
    old_path: bool = False,
) -> bytes:
    """Return a library with no code in it, and without sections, as the loader would read it.

    ``wanted`` has the versions of symbols by library; ``old_path``: DT_RPATH for DT_RUNPATH.
    """
    names, places = b"\0", {}
    wanted = wanted or {}
    versions = [one for group in wanted.values() for one in group]
    for one in (*needs, search, *defined, *wanted, *versions):
        places[one] = len(names)
        names += one.encode() + b"\0"
    need, have = _verneed(wanted, places, order), _verdef(defined, places, order)
    header, program, entry = (64, 56, 16) if wide else (52, 32, 8)
    start = header + 2 * program
    tags = [(1, places[one]) for one in needs]
    tags += [(15 if old_path else 29, places[search])] if search else []
    size = entry * (len(tags) + 6)
    base = 0x40000
    after = base + start + size
    tags += [(0x6FFFFFFE, after), (0x6FFFFFFF, len(wanted))]
    tags += [(0x6FFFFFFC, after + len(need)), (0x6FFFFFFD, len(defined))]
    tags += [(5, after + len(need) + len(have)), (0, 0)]
    dynamic = b"".join(struct.pack(order + ("qQ" if wide else "iI"), *one) for one in tags)
    body = dynamic + need + have + names
    total = start + len(body)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    form = order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    head = struct.pack(form, 3, 62, 1, 0, header, 0, 0, header, program, 2, 0, 0, 0)
    segments = b""
    for kind, at, length in (1, 0, total), (2, start, size):
        if wide:
            segments += struct.pack(
                f"{order}IIQQQQQQ", kind, 5, at, base + at, 0, length, length, 8
            )
        else:
            segments += struct.pack(f"{order}8I", kind, at, base + at, 0, length, length, 5, 4)
    return ident + head + segments + body


def _verneed(wanted: Mapping[str, Sequence[str]], places: Mapping[str, int], order: str) -> bytes:
    found = b""
    for at, (library, versions) in enumerate(wanted.items()):
        after = 0 if at + 1 == len(wanted) else 16 + 16 * len(versions)
        found += struct.pack(f"{order}HHIII", 1, len(versions), places[library], 16, after)
        for number, one in enumerate(versions):
            step = 16 if number + 1 < len(versions) else 0
            found += struct.pack(f"{order}IHHII", 0, 0, 2, places[one], step)
    return found


def _verdef(defined: Sequence[str], places: Mapping[str, int], order: str) -> bytes:
    found = b""
    for at, one in enumerate(defined):
        after = 28 if at + 1 < len(defined) else 0
        found += struct.pack(f"{order}HHHHIII", 1, 0, at + 1, 1, 0, 20, after)
        found += struct.pack(f"{order}II", places[one], 0)
    return found
