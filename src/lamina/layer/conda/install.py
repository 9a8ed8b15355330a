"""Put conda packages into the prefix of a layer, so that they find what the base has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import NotSupportedError
from lamina.core.http import HttpClient
from lamina.engines.conda_fetch import fetch_archives
from lamina.engines.conda_install import InstallRequest, install_new
from lamina.engines.conda_prefix import renew_digests
from lamina.engines.elf import read_elf
from lamina.engines.patchelf import is_elf, set_search_path
from lamina.layer.conda.plan import archives_in
from lamina.layer.conda_prefix import CONDA
from lamina.layer.planting import shebang
from lamina.model.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lamina.layer.conda.ground import CondaGround
    from lamina.model.conda import CondaRecord

_LINUX = (Platform.LINUX_64, Platform.LINUX_AARCH64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """Conda packages for a layer."""

    records: Sequence[CondaRecord]
    requests: Sequence[str]
    ground: CondaGround
    platform: Platform
    cache: Path
    environ: Mapping[str, str]
    links: Sequence[Path] = ()
    """Directories with archives that are taken first."""


def fetch(goods: Goods) -> dict[CondaRecord, Path]:
    """Return where the archive of each package is; raises what fetching raises."""
    found = {one: path for one in goods.records if (path := linked_archive(one, goods.links))}
    missing = [one for one in goods.records if one not in found]
    with HttpClient(goods.environ) as http:
        return found | fetch_archives(missing, archives_in(goods.cache), http)


def linked_archive(record: CondaRecord, links: Sequence[Path]) -> Path | None:
    """Return the archive of a record in directories, None where they do not have that one."""
    for directory in links:
        for path in (directory / record.file_name, directory / record.subdir / record.file_name):
            if path.is_file() and record.sha256 and fs.sha256_of(path) == record.sha256:
                return path
    return None


def install(goods: Goods, prefix: Path, layer: Path) -> None:
    """Make the conda prefix of what will be a layer at ``layer``.

    Its programs and libraries look into the base for what is not beside them. Raises
    NotSupportedError on macOS and Windows, and what fetching and installing raise.
    """
    if goods.platform not in _LINUX:
        raise NotSupportedError("conda packages in a layer work on Linux only")
    final = layer / CONDA
    request = InstallRequest(
        archives=fetch(goods),
        prefix=prefix,
        platform=goods.platform,
        final=final,
        requested=goods.requests,
        python=goods.ground.python,
    )
    install_new(request)
    touched = [*_own_interpreter(prefix, final, layer), *_find_base(prefix, goods)]
    renew_digests(prefix, touched)


def _own_interpreter(prefix: Path, final: Path, layer: Path) -> Iterator[Path]:
    """Have scripts run by the layer's Python: there is none beside them."""
    start = f"#!{final}/bin/python".encode()
    for path in sorted((prefix / "bin").glob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if content.startswith(start):
            _, _, rest = content.partition(b"\n")
            text = f"{shebang(str(layer))}\n".encode("utf-8", "surrogateescape") + rest
            fs.write_bytes(path, text, mode=path.stat().st_mode & 0o777, durable=False)
            yield path


def _find_base(prefix: Path, goods: Goods) -> Iterator[Path]:
    """Have programs and libraries look into the base too, without LD_LIBRARY_PATH.

    That variable would count for every other program as well.
    """
    further = [str(one) for one in goods.ground.libraries]
    if not further:
        return
    groups: dict[str, list[Path]] = {}
    for path in _elves(prefix):
        headers = read_elf(path.read_bytes())
        if headers is not None and (headers.needs or headers.search):
            way = os.path.relpath(prefix / "lib", path.parent)
            own = headers.search or ("$ORIGIN" if way == "." else f"$ORIGIN/{way}",)
            groups.setdefault(":".join(dict.fromkeys([*own, *further])), []).append(path)
    for search, files in sorted(groups.items()):
        set_search_path(files, search, goods.environ)
        yield from files


def _elves(prefix: Path) -> Iterator[Path]:
    for directory, directories, names in os.walk(prefix):
        directories.sort()
        for name in sorted(names):
            path = Path(directory) / name
            if not path.is_symlink() and path.is_file() and is_elf(path):
                yield path
