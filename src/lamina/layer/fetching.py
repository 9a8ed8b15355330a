"""The addresses of recorded files: in directories that the user names, else on their indexes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from lamina.core import fs
from lamina.core.errors import IntegrityError, LaminaError, UnsatisfiableError
from lamina.engines.index_addresses import IndexAddresses, cache_directory
from lamina.model.artifacts import Artifact
from lamina.model.digests import parse_sha256
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import PythonSeries, SystemFloor, Target, current_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from packaging.tags import Tag

    from lamina.model.names import IndexName

_ANY_SYSTEM = SystemFloor(glibc=(2, 99), macos=(99, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where files may come from."""

    environ: Mapping[str, str]
    indexes: Mapping[IndexName, str]
    links: tuple[Path, ...] = ()
    """Directories of wheels and source distributions."""
    _names: dict[str, Path] = field(default_factory=dict)

    def files(self) -> Mapping[str, Path]:
        """Return file name -> path in the directories, the first of a name."""
        if not self._names:
            for directory in self.links:
                for path in sorted(directory.iterdir()):
                    self._names.setdefault(path.name, path)
        return self._names

    def addresses(self, artifacts: Iterable[Artifact]) -> dict[Artifact, str]:
        """Return an address for each file.

        Raises IntegrityError when one is offered with other content, UnsatisfiableError naming
        all that are nowhere, UpstreamUnavailableError when an index does not answer.
        """
        wanted = list(artifacts)
        found = {one: path.as_uri() for one in wanted if (path := self.local(one))}
        rest = [one for one in wanted if one not in found]
        locator = IndexAddresses(self.environ, self.indexes, cache_directory(self.environ))
        try:
            return found | locator.addresses(rest)
        except IntegrityError as error:
            raise IntegrityError(error.message, hints=[_FIND_LINKS]) from error
        except LaminaError as error:
            if type(error) is not LaminaError:
                raise
            raise self._nowhere(rest, locator) from error

    def local(self, one: Artifact) -> Path | None:
        """Return a file of the directories, None where it is not there; raises IntegrityError."""
        path = self.files().get(one.filename)
        if path is None:
            return None
        if (digest := fs.sha256_of(path)) != one.sha256:
            raise IntegrityError(
                f"{path} is not the file that was locked: sha256 {digest}, locked {one.sha256}",
                hints=["remove it, or name another directory with --find-links"],
            )
        return path.absolute()

    def _nowhere(self, rest: list[Artifact], locator: IndexAddresses) -> UnsatisfiableError:
        """Ask for each file alone, to name all that no index has."""
        missing = []
        for one in rest:
            try:
                locator.addresses([one])
            except LaminaError as error:
                if type(error) is not LaminaError:
                    raise
                missing.append(f"{one.filename} ({one.index})")
        return UnsatisfiableError(
            f"no index has these files (any more): {', '.join(sorted(missing))}",
            hints=[_FIND_LINKS],
        )

    def match(self, name: str, version: str, series: str) -> Artifact | None:
        """Return the best file of the directories for a package of which none was recorded."""
        order = wheel_order(series)
        ranked = [
            (rank, path)
            for path in self.files().values()
            if (rank := rank_of(path.name, name, version, order)) is not None
        ]
        if not ranked:
            return None
        path = min(ranked)[1]
        return Artifact(
            package=canonicalize_name(name),
            version=version,
            index=PUBLIC_INDEX,
            filename=path.name,
            sha256=parse_sha256(fs.sha256_of(path)),
        )


_FIND_LINKS = "--find-links DIR, with a directory that has the files as they were locked"


def wheel_order(series: str) -> dict[Tag, int]:
    """Return the wheel tags that install here, the best as 0."""
    target = Target(current_platform(), PythonSeries.parse(series))
    return {tag: at for at, tag in enumerate(target.wheel_tags(_ANY_SYSTEM))}


def rank_of(filename: str, name: str, version: str, order: Mapping[Tag, int]) -> int | None:
    """Return how good a file is for a package here, the lowest first; None: not at all."""
    try:
        if not filename.endswith(".whl"):
            found = parse_sdist_filename(filename)
            mine = (found[0], str(found[1])) == (canonicalize_name(name), version)
            return len(order) if mine else None
        project, parsed, _, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    if (project, str(parsed)) != (canonicalize_name(name), version):
        return None
    return min((order[tag] for tag in tags if tag in order), default=None)
