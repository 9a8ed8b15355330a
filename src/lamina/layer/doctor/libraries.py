"""Where the dynamic loader of Linux finds libraries."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONFIGURATION = Path("/etc/ld.so.conf")
_STANDARD = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_DEPTH = 4


def library_directories(environ: Mapping[str, str], *own: str | Path) -> list[str]:
    """Return the directories, in the loader's order; ``own`` are those of the interpreter."""
    given = environ.get("LD_LIBRARY_PATH", "").split(":")
    configured = [*_configured(_CONFIGURATION, _DEPTH), *_STANDARD]
    multiarch = [one for top in ("/lib", "/usr/lib") for one in glob.glob(f"{top}/*-linux-*")]  # noqa: PTH207
    found = [*filter(None, given), *map(str, own), *configured, *multiarch]
    return [one for one in dict.fromkeys(found) if os.path.isdir(one)]  # noqa: PTH112


def _configured(path: Path, depth: int) -> Iterator[str]:
    """Yield the directories of ld.so.conf(5) and of what it includes."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.partition("#")[0].split()
        if words[:1] == ["include"] and depth:
            for pattern in words[1:]:
                whole = os.path.join(path.parent, pattern)  # noqa: PTH118
                for included in sorted(glob.glob(whole)):  # noqa: PTH207
                    yield from _configured(Path(included), depth - 1)
        elif words:
            yield words[0]
