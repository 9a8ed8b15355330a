"""A package that a parent brings: its exact version and file for each target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from lamina.lock.conda import TargetText
from lamina.lock.document import LockedArtifact
from lamina.model.document import Document
from lamina.stack.document import PackageEntry

if TYPE_CHECKING:
    from lamina.model.platforms import Target


class Pin(Document):
    """One version of it, from one parent."""

    parent: str
    """As ``hep-base/2026.11.0``."""
    version: str
    files: dict[TargetText, LockedArtifact]
    """The file of each target that it is for."""


class Inherited(PackageEntry):
    """An entry among the packages of a stack that no line of lamina.toml has.

    Made in memory, never read or written.
    """

    pins: tuple[Pin, ...] = Field(default=(), exclude=True)
    """None where the stack names the package in a group: then only its index is the parent's."""

    def file_for(self, version: str, target: Target) -> LockedArtifact | None:
        """Return the file that the parent takes for a target."""
        found = [one.files[target] for one in self.pins_of(version) if target in one.files]
        return found[0] if found else None

    def pins_of(self, version: str) -> list[Pin]:
        """Return where a version comes from."""
        return [one for one in self.pins if one.version == version]
