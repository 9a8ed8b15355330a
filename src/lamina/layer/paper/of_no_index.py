"""Packages of a base that are of no index, without the base: built once more of their sources.

A git repository has them at the commit of the lock. A directory beside somebody's lamina.toml is in
no lock: what is not kept on this machine, the user has to bring.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from lamina.build.wheels.fetching import unpack
from lamina.build.wheels.told_sources import tell_sources
from lamina.core import fs, report
from lamina.core.errors import BuildFailedError, IntegrityError, UnsatisfiableError
from lamina.engines.origin_sources import OriginSources
from lamina.model.artifacts import ArtifactKind
from lamina.model.digests import parse_sha256
from lamina.model.names import OF_NO_INDEX, PUBLIC_INDEX
from lamina.model.told_versions import all_told

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lamina.engines.interpreters import Interpreter
    from lamina.engines.uv_program import UvProgram
    from lamina.layer.fetching import Shelf
    from lamina.layer.paper.document import PaperBasePackage, PaperLock
    from lamina.lock.document import LockedOrigin
    from lamina.model.artifacts import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The sources of a package, of which its wheel is to be made."""

    artifact: Artifact
    """The one file that they are, with its digest."""
    origin: LockedOrigin | None
    at_hand: Path | None
    """That file on this machine; None: it is made of the repository."""

    @property
    def text(self) -> str:
        """What it is and where from, for people."""
        where = self.origin.text if self.origin else self.artifact.filename
        return f"{self.artifact.package} {self.artifact.version} of {where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfNoIndex:
    """The packages of a base that are of no index, and what is to be done for each."""

    sources: list[Sources] = field(default_factory=list)
    """Those that are built."""
    files: dict[Artifact, str] = field(default_factory=dict)
    """Those that are installed as they are, with their addresses."""
    others: list[str] = field(default_factory=list)
    """Of both, the names of those that only the user's own directories vouch for."""


def is_of_no_index(one: PaperBasePackage) -> bool:
    """Tell whether a package of a base is of no index."""
    return one.index in OF_NO_INDEX


def find_of_no_index(
    wanted: Collection[PaperBasePackage], lock: PaperLock, shelf: Shelf, *, others: bool
) -> OfNoIndex:
    """Return what each is made of.

    ``others``: other wheels and sources of the version will do, where the user's directories have
    some. Raises UnsatisfiableError naming those of a directory that are not at hand, IntegrityError
    for a file that is not as it was locked.
    """
    found, missing = OfNoIndex(), []
    for one in wanted:
        artifact, origin = one.artifact(), one.origin
        path = _at_hand(artifact, shelf, others=others) if artifact else None
        another = shelf.match(one.name, one.version, lock.base.series) if others else None
        if path is None and another is not None:
            artifact, origin = another, None
            path = shelf.files()[another.filename].absolute()
            found.others.append(one.name)
        if artifact is None or (path is None and (origin is None or origin.git is None)):
            missing.append(f"{one.name} {one.version} ({_where(one)})")
        elif path is not None and artifact.kind is ArtifactKind.WHEEL:
            found.files[artifact] = path.as_uri()
        else:
            found.sources.append(Sources(artifact=artifact, origin=origin, at_hand=path))
    if missing:
        raise _missing(missing)
    return found


def _at_hand(artifact: Artifact, shelf: Shelf, *, others: bool) -> Path | None:
    """Return a file of that content in the user's directories, or in lamina's cache."""
    try:
        local = shelf.local(artifact)
    except IntegrityError:
        if not others:
            raise
        local = None
    kept = OriginSources(environ=shelf.environ).kept(artifact.sha256, artifact.filename)
    return local or kept


def _where(one: PaperBasePackage) -> str:
    return one.origin.text if one.origin is not None else f"{one.index}, not recorded where"


def _missing(names: list[str]) -> UnsatisfiableError:
    return UnsatisfiableError(
        "these come from beside the lamina.toml of the base, and no lock has their sources: "
        + ", ".join(names),
        hints=[
            "lamina build, in the directory of that stack, puts their wheels into the cache here",
            "--find-links DIR --unpatched, with wheels of them that you have",
            "without --flat, on the base itself, they are as they were",
        ],
    )


@contextmanager
def wheels_of(
    sources: Collection[Sources], uv: UvProgram, interpreter: Interpreter
) -> Iterator[dict[Artifact, str]]:
    """Give the wheels of packages with their addresses, for as long as they are looked at.

    They are told the version that was locked, as its stack told them. Raises IntegrityError where a
    repository has something else than was locked, BuildFailedError, UnsatisfiableError (no such
    commit), UpstreamUnavailableError.
    """
    with tempfile.TemporaryDirectory(prefix="lamina-sources-") as directory:
        made = {}
        for number, one in enumerate(sources):
            with report.step(f"build {one.text}"):
                wheel = _wheel(one, uv, interpreter, Path(directory) / str(number))
            made[_artifact(one, wheel)] = wheel.as_uri()
        yield made


def _wheel(one: Sources, uv: UvProgram, interpreter: Interpreter, work: Path) -> Path:
    name, version = one.artifact.package, one.artifact.version
    source = unpack(one.at_hand or _fetched(one, uv), work / "sources")
    source /= (one.origin and one.origin.subdirectory) or ""
    tell_sources(source, name, version)
    told = replace(uv, interpreter={**uv.interpreter, **all_told(name, version)})
    try:
        told.call(
            *("build", "--wheel", "--no-sources", "--python", interpreter.path),
            *("--out-dir", work / "wheel", source),
        )
    except BuildFailedError as error:
        raise BuildFailedError(f"{name}: {error.message}", hints=error.hints) from error
    [wheel] = (work / "wheel").glob("*.whl")
    found = parse_wheel_filename(wheel.name)[:2]
    if found != (name, Version(version)):
        raise BuildFailedError(
            f"{one.text}: its build made {wheel.name}",
            hints=["--find-links DIR --unpatched, with a wheel of it that you have"],
        )
    return wheel


def _fetched(one: Sources, uv: UvProgram) -> Path:
    """Return the sources at the commit of the lock, as one file."""
    assert one.origin is not None  # noqa: S101 - those without are at hand
    try:
        return OriginSources(environ=uv.environ).obtain(one.artifact, one.origin, Path())
    except IntegrityError as error:
        hints = ["--find-links DIR --unpatched, with a wheel of it that you have"]
        raise IntegrityError(error.message, hints=hints) from error


def _artifact(one: Sources, wheel: Path) -> Artifact:
    return replace(
        one.artifact,
        package=canonicalize_name(one.artifact.package),
        index=PUBLIC_INDEX,
        filename=wheel.name,
        sha256=parse_sha256(fs.sha256_of(wheel)),
    )
