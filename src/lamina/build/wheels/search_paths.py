"""Libraries that were linked against conda packages: found beside them, wherever a release is."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.engines.elf import read_elf
from lamina.engines.patchelf import patch_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.model.platforms import PythonSeries

_ORIGIN = "$ORIGIN"
_SHOWN = 3


def find_beside(tree: Path, prefix: Path, series: PythonSeries, environ: Mapping[str, str]) -> None:
    """Make the libraries of an unpacked wheel find those of a prefix that it will be installed in.

    Their search paths name the prefix of the build, which nobody has who uses the release; what
    they need of its ``lib`` is looked for relative to themselves. Warns of texts that name it.
    """
    named = []
    for path in sorted(one for one in tree.rglob("*") if one.is_file() and not one.is_symlink()):
        inside = path.relative_to(tree)
        data = path.read_bytes()
        elf = read_elf(data)
        if elf is not None:
            place = (prefix / installed_at(PurePosixPath(inside), series)).parent
            needed = any((prefix / "lib" / one).exists() for one in elf.needs)
            search = tuple(dict.fromkeys(_search(elf.search, prefix, place, needed=needed)))
            if search != elf.search:
                patch_file(path, environ=environ, search=":".join(search))
        elif os.fsencode(prefix) in data and b"\0" not in data:
            named.append(str(inside))
    if named:
        more = f" and {len(named) - _SHOWN} others" if len(named) > _SHOWN else ""
        report.warn(
            f"{', '.join(named[:_SHOWN])}{more}: they name {prefix}, which is there for builds only"
        )


def _search(old: tuple[str, ...], prefix: Path, place: Path, *, needed: bool) -> Iterator[str]:
    beside = os.path.relpath(prefix / "lib", place)
    for one in old:
        if one.startswith(_ORIGIN) or not Path(one).is_relative_to(prefix):
            yield one
        else:
            yield f"{_ORIGIN}/{os.path.relpath(one, place)}"
    if needed:
        yield f"{_ORIGIN}/{beside}"


def installed_at(inside: PurePosixPath, series: PythonSeries) -> PurePosixPath:
    """Return where a file of a wheel is installed, below the prefix."""
    site = PurePosixPath("lib", f"python{series}", "site-packages")
    if not inside.parts[0].endswith(".data") or len(inside.parts) < 3:
        return site / inside
    tops = {"scripts": PurePosixPath("bin"), "data": PurePosixPath()}
    return tops.get(inside.parts[1], site).joinpath(*inside.parts[2:])
