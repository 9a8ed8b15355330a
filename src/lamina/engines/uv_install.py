"""Install exactly the given files with uv, and make the environment to install them into."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.pylock import PylockSettings, dump_pylock, install_options
from lamina.model.artifacts import ArtifactKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lamina.engines.api import ArtifactLocator
    from lamina.engines.uv_program import UvProgram
    from lamina.model.artifacts import Artifact
    from lamina.model.names import IndexName


@dataclass(frozen=True, slots=True, kw_only=True)
class UvInstaller:
    """An ArtifactInstaller that copies out of uv's cache and fetches what is not in it."""

    uv: UvProgram
    indexes: Mapping[IndexName, str]
    """The address of each index that an artifact may name."""
    shared: bool = False
    """The environment has packages of others as well, which stay."""

    def install(
        self, artifacts: Iterable[Artifact], *, python: Path, locator: ArtifactLocator
    ) -> None:
        """Install into the environment of ``python``, without looking at dependencies.

        Only packages that have no wheel among the artifacts are built.
        """
        wanted = sorted(artifacts, key=lambda one: one.filename)
        add = ["install", "--no-deps", "--break-system-packages", "-r"]
        self._call(self.uv, add if self.shared else ["sync"], wanted, python, locator)

    def _call(
        self,
        uv: UvProgram,
        verb: Sequence[str],
        wanted: Sequence[Artifact],
        python: Path,
        locator: ArtifactLocator,
    ) -> None:
        if not wanted:
            return
        with tempfile.TemporaryDirectory(prefix="lamina-install-") as directory:
            listing = Path(directory) / "pylock.toml"
            settings = PylockSettings(indexes=self.indexes)
            text = dump_pylock(wanted, locator.addresses(wanted), settings)
            listing.write_text(text, encoding="utf-8")
            uv.call(
                *("pip", *verb),
                *(listing, "--python", python),
                *_build_options(wanted),
                *install_options(wanted, self.indexes),
            )


def _build_options(artifacts: Sequence[Artifact]) -> Iterator[str]:
    """Yield the options by which uv builds the source distributions and nothing else."""
    if all(one.kind is ArtifactKind.WHEEL for one in artifacts):
        yield "--no-build"
        return
    for one in artifacts:
        yield "--only-binary" if one.kind is ArtifactKind.WHEEL else "--no-binary"
        yield one.package
