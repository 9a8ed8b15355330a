"""Compiled modules as a scan describes them, and files that look compiled to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.engines.probe import Distribution
from lamina.layer.abi.binary import Binary
from lamina.layer.abi.scan import Scan

if TYPE_CHECKING:
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
