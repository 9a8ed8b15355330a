"""What lamina asks of its engines; each adapter and each fake answers one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.model.artifacts import Artifact


class ArtifactLocator(Protocol):
    """Turns the address-free identity of artifacts into addresses."""

    def addresses(self, artifacts: Iterable[Artifact]) -> Mapping[Artifact, str]:
        """Return an address for each artifact, on the index that it names and no other.

        Raises IntegrityError when an index offers the file with another digest, LaminaError when
        it does not offer it at all, UpstreamUnavailableError when it does not answer.
        """


class ArtifactInstaller(Protocol):
    """Installs exactly the given files."""

    def install(
        self, artifacts: Iterable[Artifact], *, python: Path, locator: ArtifactLocator
    ) -> None:
        """Install into the environment of ``python``, without looking at dependencies.

        Every file's digest is checked before use: IntegrityError. BuildFailedError when a source
        distribution does not build, StorageError when the disk is full.
        """
