"""Install exactly the given files below a directory, with their digests checked by uv."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.engines.pylock import PylockSettings, dump_pylock
from lamina.model.artifacts import ArtifactKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.engines.uv_program import UvProgram
    from lamina.model.artifacts import Artifact
    from lamina.model.names import IndexName


def install_below(
    uv: UvProgram,
    files: Mapping[Artifact, str],
    *,
    prefix: Path,
    python: Path,
    indexes: Mapping[IndexName, str],
) -> None:
    """Install files, given with their addresses, into ``prefix`` for the interpreter ``python``.

    Only what has no wheel among them is built. Raises IntegrityError for bytes that are not what
    their digest says, BuildFailedError, StorageError, UpstreamUnavailableError.
    """
    if not files:
        return
    wheels = [one.package for one in files if one.kind is ArtifactKind.WHEEL]
    only = [f"--only-binary={name}" for name in wheels]
    options = ["--no-build"] if len(wheels) == len(files) else only
    with tempfile.TemporaryDirectory(prefix="lamina-") as name:
        listing = Path(name) / "pylock.toml"
        # The index is named so that uv finds what it has in its cache from there.
        text = dump_pylock(files, files, PylockSettings(indexes=indexes))
        fs.write_text(listing, text, mode=0o600, durable=False)
        uv.call(
            *("pip", "install", "--preview-features", "pylock", "--requirement", listing),
            *("--no-deps", "--prefix", prefix, "--python", python),
            *options,
        )
