"""Sources of packages that are of no index, as one file each, in lamina's cache by its digest."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.archive.damage import DAMAGE
from lamina.archive.source_trees import changed_names, pack_sources
from lamina.core import fs
from lamina.core.errors import BuildFailedError, IntegrityError, Problem
from lamina.engines.git_repositories import GitRepositories
from lamina.engines.index_addresses import cache_directory, sources_directory
from lamina.engines.source_files import source_files
from lamina.model.artifacts import ArtifactKind
from lamina.model.digests import Sha256, parse_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.lock.document import LockedOrigin
    from lamina.model.artifacts import Artifact

_SHOWN = 8
"""How many changed files a person reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginSources:
    """Makes, keeps and checks them."""

    environ: Mapping[str, str]

    @property
    def directory(self) -> Path:
        """Where they are kept, with the sources of indexes."""
        return sources_directory(cache_directory(self.environ))

    @property
    def repositories(self) -> GitRepositories:
        """The git repositories of the cache."""
        return GitRepositories(
            directory=cache_directory(self.environ) / "git", environ=self.environ
        )

    def place(self, sha256: Sha256, filename: str) -> Path:
        """Return where a file is kept."""
        return self.directory / sha256[:24] / filename

    def kept(self, sha256: Sha256, filename: str) -> Path | None:
        """Return a file that is kept as it was put there, None where it is not."""
        path = self.place(sha256, filename)
        return path if path.is_file() and fs.sha256_of(path) == sha256 else None

    def keep(self, path: Path, sha256: Sha256, filename: str) -> Path:
        """Keep a file; raises StorageError."""
        place = self.place(sha256, filename)
        if self.kept(sha256, filename) is None:
            fs.make_directory(place.parent)
            with fs.replacing(place) as stream, path.open("rb") as source:
                while data := source.read(1 << 20):
                    stream.write(data)
        return place

    @contextmanager
    def made(self, origin: LockedOrigin, name: str, top: Path) -> Iterator[tuple[Path, Sha256]]:
        """Give the file of an origin as it is now, with its digest.

        ``top``: the directory of lamina.toml. Raises BuildFailedError for a path that is not there
        or leads out, UpstreamUnavailableError, UnsatisfiableError.
        """
        with tempfile.TemporaryDirectory(prefix="lamina-sources-") as temporary:
            packed = Path(temporary) / "packed" / f"{name}.tar.gz"
            if origin.git is not None and origin.commit is not None:
                tree = Path(temporary) / "tree"
                self.repositories.check_out(origin.git, origin.commit, tree, history=False)
                yield packed, pack_checked_out(tree, packed, name)
                return
            path = path_of(origin, name, top)
            if path.is_file():
                yield path, parse_sha256(fs.sha256_of(path))
            else:
                names = source_files(path, self.environ)
                yield packed, pack_sources(path, names, packed, top=name)

    def obtain(self, artifact: Artifact, origin: LockedOrigin, top: Path) -> Path:
        """Return the file of a locked package, made anew where it is not kept.

        Whether a path is still as it was locked is for ``changes`` to say. Raises IntegrityError
        for other content than was locked, and what ``made`` raises.
        """
        if (kept := self.kept(artifact.sha256, artifact.filename)) is not None:
            return kept
        with self.made(origin, artifact.package, top) as (path, sha256):
            if sha256 == artifact.sha256:
                return self.keep(path, sha256, artifact.filename)
            where = f"{origin.git} at {origin.commit}" if origin.git else top / str(origin.path)
            raise IntegrityError(
                f"{artifact.package}: {where} is not what was locked",
                hints=["lamina lock"],
            )

    def changes(self, artifact: Artifact, origin: LockedOrigin, top: Path) -> str | None:
        """Return how a path differs from what was locked, None where it does not.

        A wheel is kept then: it is installed as it is, and nobody asks for it again.
        """
        with self.made(origin, artifact.package, top) as (path, sha256):
            if sha256 == artifact.sha256:
                if artifact.kind is ArtifactKind.WHEEL:
                    self.keep(path, sha256, artifact.filename)
                return None
            before = self.kept(artifact.sha256, artifact.filename)
            return f"changed since it was locked{_which(before, path)}"


def pack_checked_out(tree: Path, path: Path, name: str) -> Sha256:
    """Pack all files of a tree that git has written but for ``.git``, and return the digest."""
    names = []
    for where, directories, files in os.walk(tree):
        links = [one for one in directories if (Path(where) / one).is_symlink()]
        if Path(where) == tree:
            directories[:] = sorted(set(directories) - {".git"})
        names += [(Path(where) / one).relative_to(tree).as_posix() for one in (*files, *links)]
    return pack_sources(tree, names, path, top=name)


def path_of(origin: LockedOrigin, name: str, top: Path) -> Path:
    """Return the file or directory of an origin; raises BuildFailedError where it is not there."""
    if (problem := check_path(origin, name, top)) is not None:
        raise BuildFailedError(str(problem))
    return top / str(origin.path)


def check_path(origin: LockedOrigin, name: str, top: Path) -> Problem | None:
    """Return what is wrong with the path of an origin, by the directory of lamina.toml."""
    path, where = top / str(origin.path), f"packages.{name}.path"
    if not path.exists():
        return Problem(
            where=where,
            found=f"{origin.path}: no such file or directory",
            allowed=f"if it is a submodule: git submodule update --init {origin.path}",
        )
    if not path.resolve().is_relative_to(top.resolve()):
        found = f"{origin.path} leads out of the directory of lamina.toml"
        return Problem(where=where, found=found)
    return None


def _which(before: Path | None, now: Path) -> str:
    """Return ``: a.py, b.py`` of what changed between two archives, as far as that is known."""
    if before is None or not now.name.endswith(".tar.gz") or not now.is_file():
        return ""
    try:
        names = changed_names(before, now)
    except DAMAGE:
        return ""
    more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return f": {', '.join([*names[:_SHOWN], *more])}" if names else ""
