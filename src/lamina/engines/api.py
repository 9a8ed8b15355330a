"""What lamina asks of its engines; each adapter and each fake answers one of these."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program on a cluster has ended."""

    code: int | None
    """Its exit code; None: it was killed, or nobody knows."""
    how: str
    """In words."""
    host: str = ""


class Task(Protocol):
    """A program that was given to a cluster."""

    def ended(self) -> Ended | None:
        """Return how it has ended, None while it has not."""


class Cluster(Protocol):
    """Starts programs on other machines."""

    def connect(self, directory: Path) -> None:
        """Find out that there are workers; those that can be asked at once look at a directory.

        Its name is a new one, so who sees it sees our file system. Raises LaminaError.
        """

    def start(self, name: str, module: str, place: Path, output: Path) -> Task:
        """Have ``python -m module place`` run somewhere; ``output`` gets what it writes.

        Raises LaminaError.
        """

    def close(self) -> None:
        """Cancel all that was started."""
