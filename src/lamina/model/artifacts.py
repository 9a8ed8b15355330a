"""Artifacts: the files of a package index, named without any address."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.model.digests import Sha256
    from lamina.model.names import IndexName, PackageName


class ArtifactKind(StrEnum):
    """What kind of file an artifact is."""

    WHEEL = "wheel"
    SDIST = "sdist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file that an index offers."""

    package: PackageName
    version: str
    index: IndexName
    filename: str
    sha256: Sha256
    size: int | None = None
    """In bytes; None where the index does not tell."""

    @property
    def kind(self) -> ArtifactKind:
        """A wheel by its file name, otherwise a source distribution."""
        return ArtifactKind.WHEEL if self.filename.endswith(".whl") else ArtifactKind.SDIST
