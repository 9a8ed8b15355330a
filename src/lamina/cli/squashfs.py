"""``lamina export --as squashfs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.options import environment
from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from lamina.cli.options import Output
    from lamina.export.cargo import Cargo


def export_squashfs(output: Output, source: str | None, path: Path | None, root: Path) -> None:
    """Write a release, or a layer with its base, as a file system in one file."""
    from lamina.core.scratch import scratch_directory
    from lamina.export.squashfs import check_places, write_release_squashfs

    if source is None or path is None:
        raise UsageError(
            "a file system is made of a release or a layer, and is a file",
            hints=["lamina export STACK/VERSION --as squashfs -o FILE.sqfs"],
        )
    environ = environment()
    check_places(path, environ)
    directory = path.absolute().parent
    with scratch_directory(".lamina-squashfs-", directory) as scratch:
        cargo = _whole_cargo(source, root, scratch)
        made = write_release_squashfs(cargo, path, environ)
    output.result(
        f"wrote {made.path}: {made.size / 1e6:.1f} MB of {made.content / 1e6:.1f} MB\n"
        f"{made.script} runs commands in it",
        {
            "form": "squashfs",
            "name": cargo.name,
            "output": str(made.path),
            "script": str(made.script),
            "bytes": made.size,
            "content": made.content,
        },
    )


def _whole_cargo(source: str, root: Path, scratch: Path) -> Cargo:
    """Return a release, or a layer and its base at the layer's path."""
    from lamina.cli.release import find_release
    from lamina.export.layer_tree import layer_tree
    from lamina.export.release_cargo import release_cargo
    from lamina.layer.base import is_layer
    from lamina.layer.release_below import layer_and_release

    if not is_layer(Path(source)):
        return release_cargo(find_release(source, root), environment(), scratch)
    layer, base = layer_and_release(Path(source))
    return layer_tree(layer, base, environment(), scratch)
