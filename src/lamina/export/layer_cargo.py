"""A layer as what is shipped: its own files, and its base where that is to come along."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from lamina._target.unpack import CONDA
from lamina.core.clock import source_date
from lamina.core.errors import NotSupportedError, UsageError
from lamina.export.cargo import Cargo, Part, Sources
from lamina.export.launcher import PREFIXES_NAME
from lamina.export.release_cargo import placeholder_rooms, release_cargo
from lamina.model.layer_files import LAYER_NAME
from lamina.release.mtree import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.release.root import Release

BASE_DIRECTORY = ".base"
"""Where in a layer's pack its base is."""
_MADE_ANEW = (
    "/__pycache__/",
    "/.lamina/index/",
    "/.lamina/index-base/",
    "/.lamina/uv.log/",
    "/.lamina/lock/",
)
"""What names times of files, or this machine, and comes back by itself."""


def layer_cargo(
    layer: Path, release: Release, environ: Mapping[str, str], scratch: Path, *, with_base: bool
) -> Cargo:
    """Return what a layer consists of when it leaves; ``release``: its base, as it names it.

    ``scratch``: an empty directory. Raises UsageError for a layer out of a pack, NotSupportedError
    for a base without an interpreter of its own, which the layer names by its path.
    """
    if (layer / PREFIXES_NAME).exists():
        raise UsageError(f"{layer}: an unpacked pack", hints=["send the archive that it is from"])
    found = {path: _entry(layer / path) for path in _paths(layer)}
    moment = source_date(environ)
    seconds = int(moment.timestamp() if moment else (layer / LAYER_NAME).stat().st_mtime)
    own = Part(prefix=str(layer), inside="", name=layer.name)
    cargo = Cargo(
        name=f"{layer.name} on {release.name}",
        platform=release.platform,
        seconds=seconds,
        parts=(own, *_base_parts(release, None)),
        entries=found,
        sources={path: layer / path for path in found},
        interpreter=None,
        rooms=_conda_rooms(layer),
    )
    return _with_base(cargo, release, environ, scratch) if with_base else cargo


def _base_parts(release: Release, inside: str | None) -> Iterator[Part]:
    """Yield the base, and its other spelling where the layer uses one."""
    manifest = release.manifest()
    for prefix in dict.fromkeys([str(release.prefix), manifest.prefix]):
        yield Part(
            prefix=prefix,
            inside=inside,
            name=release.name,
            lock_digest=str(manifest.lock_digest),
        )


def _conda_rooms(layer: Path) -> dict[str, int]:
    """Return the room for the layer's path in programs of its conda packages.

    They are a prefix of their own, in the layer, whose path goes on with its name.
    """
    rooms = placeholder_rooms(layer / CONDA)
    return {f"{CONDA}/{path}": room - len(f"/{CONDA}") for path, room in rooms.items()}


def check_bundled(release: Release) -> None:
    """Raise NotSupportedError for a base without an interpreter of its own."""
    if not release.manifest().python.bundled:
        raise NotSupportedError(
            f"{release.name} has no interpreter of its own, and the layer names that of this "
            "machine",
            hints=["publish the release with `bundle = true` in [stack]"],
        )


def _with_base(cargo: Cargo, release: Release, environ: Mapping[str, str], scratch: Path) -> Cargo:
    check_bundled(release)
    base = release_cargo(release, environ, scratch)

    def inside(path: str) -> str:
        return f"{BASE_DIRECTORY}/{path}"

    def where(path: str) -> Path:
        return base.sources[path.removeprefix(f"{BASE_DIRECTORY}/")]

    entries = {**cargo.entries, **{inside(path): one for path, one in base.entries.items()}}
    return dataclasses.replace(
        cargo,
        parts=(cargo.parts[0], *_base_parts(release, BASE_DIRECTORY)),
        entries=entries,
        sources=Sources(entries, where, cargo.sources),
        interpreter=inside(base.interpreter or ""),
        rooms={**cargo.rooms, **{inside(path): room for path, room in base.rooms.items()}},
    )


def _paths(layer: Path) -> Iterator[str]:
    for directory, directories, files in os.walk(layer):
        for name in (*directories, *files):
            path = os.path.relpath(f"{directory}/{name}", layer)
            if not any(one in f"/{path}/" for one in _MADE_ANEW):
                yield path


def _entry(path: Path) -> Entry:
    if path.is_symlink():
        return Entry(kind="link", target=os.readlink(path))  # noqa: PTH115
    if path.is_dir():
        return Entry(kind="dir", mode=0o755)
    return Entry(kind="file", size=path.stat().st_size)
