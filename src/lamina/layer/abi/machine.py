"""What this machine's own libraries offer to compiled modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.elf import read_elf
from lamina.layer.abi.binary import newest_symbols

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LIBRARIES = ("libc.so.6", "libstdc++.so.6")
_DIRECTORIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")


def offered_symbols(environ: Mapping[str, str], python: Path) -> dict[str, str]:
    """Return the newest version of each set of system symbols, such as GLIBC -> 2.36.

    The directories are the loader's: LD_LIBRARY_PATH first, as a base's compiler may bring its
    own libstdc++. A set that no library was found for is left out.
    """
    found: dict[str, str] = {}
    for library in _LIBRARIES:
        path = next(_candidates(library, environ, python), None)
        names = _defined(path) if path is not None else []
        for symbol in newest_symbols(names):
            group, _, version = symbol.rpartition("_")
            found.setdefault(group, version)
    return found


def _candidates(library: str, environ: Mapping[str, str], python: Path) -> Iterator[Path]:
    multiarch = sorted(one for top in ("/lib", "/usr/lib") for one in Path(top).glob("*-linux-gnu"))
    directories: list[str | Path] = [
        *(one for one in environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if one),
        python.resolve().parent.parent / "lib",
        *(str(one) for one in multiarch if one.name.startswith(os.uname().machine)),
        *_DIRECTORIES,
    ]
    for directory in directories:
        path = Path(directory) / library
        if path.is_file():
            yield path


def _defined(path: Path) -> Iterable[str]:
    try:
        found = read_elf(path.read_bytes())
    except OSError:
        return ()
    return found.defined if found is not None else ()
