"""Magnetic fields, as an example."""

import ctypes
import pathlib
import sys

_library = ctypes.CDLL(str(pathlib.Path(sys.prefix) / "lib" / "libhepfields.so"))
_library.hep_field.argtypes = [ctypes.c_double]
_library.hep_field.restype = ctypes.c_double


def field(position: float) -> float:
    """Return the field at a position."""
    return float(_library.hep_field(position))
