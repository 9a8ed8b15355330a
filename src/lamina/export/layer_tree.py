"""A layer with its base as one tree at the layer's own path: for forms that are not unpacked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lamina._target.unpack import OWN
from lamina.core import fs
from lamina.export.layer_cargo import layer_cargo
from lamina.export.rpm.stage import stage_release
from lamina.release.mtree import read_tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.export.cargo import Cargo
    from lamina.release.root import Release


def layer_tree(layer: Path, release: Release, environ: Mapping[str, str], scratch: Path) -> Cargo:
    """Return a layer that needs nothing outside: what named its base names a copy of it inside.

    ``scratch``: an empty directory, with room for all of it. Raises as ``layer_cargo`` does.
    """
    made = scratch / "base"
    fs.make_directory(made)
    cargo = layer_cargo(layer, release, environ, made, with_base=True)
    top = stage_release(cargo, scratch / "tree", cargo.parts[0].prefix, environ)
    for name in OWN:
        fs.remove_file(top / name)
    entries, _ = read_tree(top)
    return dataclasses.replace(
        cargo,
        parts=cargo.parts[:1],
        entries=entries,
        sources={path: top / path for path in entries},
        rooms={},
        first=(),
    )
