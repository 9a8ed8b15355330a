"""Find out what cannot be had of a lock that is installed once more, so that the rest is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import IntegrityError, LaminaError, PackagesLostError, StorageError
from lamina.release.conda_part import fetch_conda

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lamina.engines.api import ArtifactInstaller, ArtifactLocator
    from lamina.lock.document import Lock
    from lamina.model.artifacts import Artifact
    from lamina.release.draft import PublishRequest

_MOST_CALLS = 64
"""Of the installer. Each may wait for an index that does not answer, and halving finds two or three
among hundreds with as many."""
_MOST_FAILURES = 16
"""Of a channel that does not answer."""


@dataclass(slots=True, kw_only=True)
class Salvage:
    """An ArtifactInstaller that says what cannot be had where it cannot install all."""

    inner: ArtifactInstaller
    _calls: int = field(default=0)

    def install(
        self, artifacts: Iterable[Artifact], *, python: Path, locator: ArtifactLocator
    ) -> None:
        """Install into the environment of ``python``, which is of no use after a failure.

        Raises PackagesLostError, StorageError.
        """
        self._calls = 0
        if lost := self._lost(list(artifacts), python, locator):
            raise PackagesLostError(lost)

    def _lost(
        self, wanted: Sequence[Artifact], python: Path, locator: ArtifactLocator
    ) -> dict[str, LaminaError]:
        """Return why files cannot be had, by trying halves of them."""
        if not wanted:
            return {}
        if self._calls == _MOST_CALLS:
            given_up = LaminaError("not tried: too many others cannot be had")
            return {one.filename: given_up for one in wanted}
        self._calls += 1
        try:
            self.inner.install(wanted, python=python, locator=locator)
        except StorageError:
            raise
        except PackagesLostError as error:
            rest = [one for one in wanted if one.filename not in error.lost]
            return error.lost | self._lost(rest, python, locator)
        except LaminaError as error:
            if len(wanted) == 1:
                return {wanted[0].filename: error}
            middle = len(wanted) // 2
            return self._lost(wanted[:middle], python, locator) | self._lost(
                wanted[middle:], python, locator
            )
        return {}


def lost_archives(request: PublishRequest) -> dict[str, LaminaError]:
    """Return why archives of conda packages cannot be had; raises StorageError."""
    lost: dict[str, LaminaError] = {}
    if request.conda is None:
        return lost
    for one in request.conda_packages:
        if len(lost) == _MOST_FAILURES:
            break
        try:
            [archive] = fetch_conda([one], request.conda, request.environ).values()
            if not archive.is_file() or fs.sha256_of(archive) != one.sha256:
                lost[one.file] = IntegrityError(f"{archive}: not the file that was locked")
        except StorageError:
            raise
        except LaminaError as error:
            lost[one.file] = error
    return lost


def without(lock: Lock, files: Iterable[str]) -> Lock:
    """Return a lock without the packages of some files; it is no more than a list of the rest."""
    out = frozenset(files)
    return lock.model_copy(
        update={
            "packages": tuple(
                one for one in lock.packages if not any(each.file in out for each in one.artifacts)
            ),
            "conda": tuple(one for one in lock.conda if one.file not in out),
        }
    )


def names_of(lock: Lock) -> dict[str, str]:
    """Return name and version of the package that each file of a lock is of."""
    found = {
        each.file: f"{one.name} {one.version}" for one in lock.packages for each in one.artifacts
    }
    return found | {one.file: f"{one.name} {one.version}" for one in lock.conda}
