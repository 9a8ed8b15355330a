"""Packages of a git revision or a path, when a stack is locked: found, packed, given to uv."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lamina.archive.source_trees import pack_sources
from lamina.core import fs, report
from lamina.core.errors import (
    BuildFailedError,
    DocumentError,
    IntegrityError,
    LaminaError,
    Problem,
    UnsatisfiableError,
)
from lamina.engines.origin_sources import OriginSources, check_path, pack_checked_out
from lamina.engines.source_files import source_files
from lamina.engines.uv_lock import UvFile
from lamina.lock.document import LockedOrigin
from lamina.model.digests import Sha256, parse_sha256
from lamina.model.names import OF_NO_INDEX, parse_package_name
from lamina.model.told_versions import told_versions
from lamina.model.toml import toml_text
from lamina.resolve.inherited import Inherited
from lamina.resolve.metadata import MetadataCache
from lamina.resolve.working_tree import (
    another_name,
    archive_of,
    asks_git_for_its_version,
    check_project,
    copy_working_tree,
)
from lamina.stack.document import ANY_VERSION
from lamina.stack.files import STACK_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lamina.engines.uv_lock import UvLock, UvPackage, UvProject
    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.names import PackageName
    from lamina.stack.document import PackageEntry, Stack

_FILES = (".whl", ".tar.gz", ".zip")
_MISNAMED = re.compile(r"metadata name `([^`]+)` does not match given name `([^`]+)`")
"""What uv says of sources whose name only their build back end tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The sources of one package, as they go into the lock."""

    origin: LockedOrigin
    sha256: Sha256
    packed: Path
    """The one file of them, or the file that is the package."""
    source: str
    """How ``tool.uv.sources`` says it."""
    is_tree: bool = True
    version: str | None = None
    """That of the lock before, for what has not changed since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """What the packages of a stack that are of no index were found to be."""

    found: Mapping[PackageName, Found]
    sources: OriginSources
    document: Path
    """The lamina.toml that names them."""

    def variables(self) -> dict[str, str]:
        """Return what build back ends are told while the stack is resolved."""
        told = told_versions({name: one.version for name, one in self.found.items() if one.version})
        # The day is part of the version of a working copy with changes, and not of its content.
        return {"SOURCE_DATE_EPOCH": "315532800", **told} if self.found else {}

    def given(self, project: UvProject) -> UvProject:
        """Return the question to the resolver with these packages in it."""
        return replace(project, given={name: one.source for name, one in self.found.items()})

    def explained(self, error: BuildFailedError) -> LaminaError:
        """Return a failure of the resolver, as one of lamina.toml where a name in it is wrong."""
        said = _MISNAMED.search(error.message)
        if said is None or (one := self.found.get(name := parse_package_name(said[2]))) is None:
            return error
        problem = another_name(said[1], name, str(one.origin.git or one.origin.path))
        return DocumentError(self.document, [problem]) if problem is not None else error

    def with_files(self, lock: UvLock, stack: Stack) -> UvLock:
        """Return a resolution in which these packages have their files; they are kept from now on.

        Raises UnsatisfiableError for another version than lamina.toml allows, StorageError.
        """
        return replace(lock, packages=tuple(self._with_file(one, stack) for one in lock.packages))

    def _with_file(self, package: UvPackage, stack: Stack) -> UvPackage:
        one = self.found.get(package.name)
        if one is None or not package.given:
            return package
        _check_version(package, stack.packages[package.name])
        stem = f"{package.name.replace('-', '_')}-{package.version}"
        filename = f"{stem}.tar.gz" if one.is_tree else _named(one.packed.name, package.name, stem)
        self.sources.keep(one.packed, one.sha256, filename)
        needs = "".join(f"Requires-Dist: {text}\n" for text in package.requires)
        about = f"Metadata-Version: 2.2\nName: {package.name}\nVersion: {package.version}\n{needs}"
        MetadataCache(self.sources.directory.parents[1]).keep(one.sha256, about.encode())
        file = UvFile(filename=filename, address="", sha256=one.sha256, uploaded=None)
        if filename.endswith(".whl"):
            return replace(package, wheels=(file,), sdist=None)
        return replace(package, wheels=(), sdist=file)

    def in_lock(self, lock: Lock) -> Lock:
        """Return a lock that says where the sources of these packages are."""
        packages = tuple(
            one.model_copy(update={"origin": self.found[one.name].origin})
            if one.index in OF_NO_INDEX
            else one
            for one in lock.packages
        )
        return lock.model_copy(update={"packages": packages})


def _named(file: str, name: PackageName, stem: str) -> str:
    """Return what a file is called in the lock: ``main.zip`` does not say what it is of."""
    if file.endswith(".whl") or canonicalize_name(file).startswith(f"{name}-"):
        return file
    return stem + next(one for one in _FILES if file.endswith(one))


def _check_version(package: UvPackage, entry: PackageEntry) -> None:
    if entry.version == ANY_VERSION:
        return
    if not SpecifierSet(entry.version).contains(package.version, prereleases=True):
        where = f"{entry.git} " if entry.git else f"{entry.path} "
        raise UnsatisfiableError(
            f"packages.{package.name} asks for {entry.version}, and {where}has {package.version}",
            hints=["take another revision, or take version out: the revision says which it is"],
        )


@dataclass(frozen=True, slots=True)
class OriginRequest:
    """What to find."""

    stack: Stack
    directory: Path
    """That of lamina.toml."""
    previous: Lock | None
    upgraded: Collection[PackageName] | None
    """What moves to where its revision is now; None: everything."""
    environ: Mapping[str, str]

    @property
    def document(self) -> Path:
        """The lamina.toml itself, for messages."""
        return self.directory / STACK_NAME


@contextmanager
def find_origins(request: OriginRequest) -> Iterator[Origins]:
    """Find the packages of a stack that are of no index, for as long as they are looked at.

    A revision stays at the commit of the lock before, unless it is to be upgraded. Raises
    UpstreamUnavailableError, UnsatisfiableError (no such revision), DocumentError with all places
    that do not have what lamina.toml says, BuildFailedError (sources that cannot be packed).
    """
    entries = {
        name: entry
        for name, entry in request.stack.packages.items()
        if entry.no_index is not None and not isinstance(entry, Inherited)
    }
    with tempfile.TemporaryDirectory(prefix="lamina-origins-") as temporary:
        search = _Search(
            request=request,
            sources=OriginSources(environ=request.environ),
            work=Path(temporary).resolve(),
        )
        yield Origins(found=search.all(entries), sources=search.sources, document=request.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    request: OriginRequest
    sources: OriginSources
    work: Path

    def all(self, entries: Mapping[PackageName, PackageEntry]) -> dict[PackageName, Found]:
        """Return what all packages were found to be; raises DocumentError with every problem."""
        found: dict[PackageName, Found] = {}
        problems: list[Problem] = []
        for name, entry in sorted(entries.items()):
            try:
                found[name] = self._find(name, entry)
            except DocumentError as error:
                problems += error.problems
        self._refuse(*problems)
        return found

    def _refuse(self, *problems: Problem | None) -> None:
        """Raise DocumentError for what is wrong, if anything is."""
        if wrong := [one for one in problems if one is not None]:
            raise DocumentError(self.request.document, wrong)

    def _find(self, name: PackageName, entry: PackageEntry) -> Found:
        return self._of_git(name, entry) if entry.git else self._of_path(name, entry)

    def _before(self, name: PackageName, wanted: LockedOrigin) -> LockedPackage | None:
        """Return what the lock before has of the same place."""
        previous = self.request.previous
        for one in previous.packages if previous else ():
            if one.name == name and one.origin is not None:
                same = one.origin.model_copy(update={"commit": wanted.commit}) == wanted
                return one if same else None
        return None

    def _of_git(self, name: PackageName, entry: PackageEntry) -> Found:
        url, reference = str(entry.git), entry.reference
        wanted = LockedOrigin(
            git=url,
            commit="0" * 40,
            requested=" ".join(reference) if reference else None,
            subdirectory=entry.subdirectory,
        )
        before = self._before(name, wanted)
        if self.request.upgraded is None or name in self.request.upgraded:
            before = None
        with report.step(f"look at {name} in {url}") as step:
            if before is not None and before.origin is not None:
                commit = str(before.origin.commit)
                self._say_moved(name, entry, commit)
            else:
                commit = self.sources.repositories.resolve(url, reference)
            tree = self._checked_out(name, entry, commit, refresh=before is None)
            step.outcome = commit[:12]
        self._refuse(check_project(tree, name, url, entry.subdirectory))
        packed = self.work / "packed" / f"{name}.tar.gz"
        sha256 = pack_checked_out(tree, packed, name)
        if before is not None and before.artifacts[0].sha256 != sha256:
            raise IntegrityError(
                f"{name}: {url} at {commit} is not what was locked",
                hints=[f"find out why; lamina lock -P {name} takes it as it is now"],
            )
        return Found(
            origin=wanted.model_copy(update={"commit": commit}),
            sha256=sha256,
            packed=packed,
            source=self._source(name, tree, entry.subdirectory, commit),
            version=before.version if before is not None else None,
        )

    def _checked_out(
        self, name: PackageName, entry: PackageEntry, commit: str, *, refresh: bool
    ) -> Path:
        """Return the tree of a commit, with its history where its version may come from there."""
        tree, url = self.work / "trees" / name, str(entry.git)
        repositories = self.sources.repositories
        if entry.subdirectory is None:
            repositories.check_out(url, commit, tree, history=False)
            if not asks_git_for_its_version(tree):
                return tree
            tree = tree.with_name(f"{name}-with-history")
        repositories.check_out(url, commit, tree, history=True, refresh=refresh)
        return tree

    def _source(self, name: PackageName, tree: Path, subdirectory: str | None, commit: str) -> str:
        """Return how uv is told of a tree.

        As an archive, so that uv writes down its version; it takes those as they are. What is in a
        subdirectory may need what is beside it, which uv knows of repositories only.
        """
        if subdirectory is not None:
            words = {"git": tree.as_uri(), "rev": commit, "subdirectory": subdirectory}
        else:
            words = {"path": str(archive_of(tree, self.work / "given" / f"{name}.tar.gz", name))}
        return f"{{ {', '.join(f'{key} = {toml_text(one)}' for key, one in words.items())} }}"

    def _say_moved(self, name: PackageName, entry: PackageEntry, commit: str) -> None:
        """Warn of a tag that is at another commit than the one that was locked."""
        if entry.tag is None:
            return
        try:
            now = self.sources.repositories.resolve(str(entry.git), entry.reference)
        except LaminaError:
            return  # The locked commit is what counts; who needs the network will say so.
        if now != commit:
            report.warn(
                f"{name}: the tag {entry.tag} is at {now[:12]} by now, and stays locked at "
                f"{commit[:12]}; lamina lock -P {name} moves it"
            )

    def _of_path(self, name: PackageName, entry: PackageEntry) -> Found:
        origin = LockedOrigin(path=entry.path)
        self._refuse(check_path(origin, name, self.request.directory))
        path = self.request.directory / str(entry.path)
        before = self._before(name, origin)
        if path.is_file():
            if not path.name.endswith(_FILES):
                found = f"{entry.path} is neither a directory nor a wheel, nor sources"
                allowed = f"sources end with {' or '.join(_FILES[1:])}"
                self._refuse(Problem(where=f"packages.{name}.path", found=found, allowed=allowed))
            sha256 = parse_sha256(fs.sha256_of(path))
            source = f"{{ path = {toml_text(path.resolve())} }}"
            return Found(origin=origin, sha256=sha256, packed=path, source=source, is_tree=False)
        names = source_files(path, self.request.environ)
        self._refuse(check_project(path, name, str(entry.path)))
        packed = self.work / "packed" / f"{name}.tar.gz"
        sha256 = pack_sources(path, names, packed, top=name)
        tree = self.work / "trees" / name
        if copy_working_tree(path, names, tree, self.request.environ):
            report.warn(f"{name}: {entry.path} has changes that are not committed; locked as it is")
        same = before is not None and before.artifacts[0].sha256 == sha256
        return Found(
            origin=origin,
            sha256=sha256,
            packed=packed,
            source=self._source(name, tree, None, ""),
            version=before.version if before is not None and same else None,
        )
