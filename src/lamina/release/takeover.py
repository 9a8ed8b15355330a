"""Take packages over from an earlier release instead of installing them again.

A package whose artifact is the same has the same files, which are given to the new release as they
are: neither written nor, where the file system can, stored again. Whatever is not as expected, the
package is left to the installer.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from uuid import uuid4

from lamina.core import fs, report
from lamina.core.errors import IntegrityError, LaminaError
from lamina.engines.records import read_record
from lamina.model.artifacts import ArtifactKind
from lamina.model.names import parse_package_name
from lamina.release.draft import hooked_in
from lamina.release.mtree import Hashed, hash_files, identity_of
from lamina.release.relocate import Relocation
from lamina.release.root import INTERNAL, KEPT_STACK_NAME, MANIFEST_NAME
from lamina.release.start_index import INDEX_NAME
from lamina.stack.files import load_stack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from lamina.model.artifacts import Artifact
    from lamina.release.draft import Draft
    from lamina.release.earlier import Earlier
    from lamina.release.mtree import Entry

_INFO = ".dist-info"
_RECORD = re.compile(r"lib/[^/]+/site-packages/[^/]+\.dist-info/RECORD")
"""Of what is installed; packages that vendor others may have theirs further down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that can be taken over."""

    artifact: Artifact
    earlier: Earlier
    info: str
    """Its metadata directory."""
    files: Mapping[str, Hashed]
    """What it brought, byte code included, by its path in the release."""

    @property
    def name(self) -> str:
        """What its metadata directory is called."""
        return PurePosixPath(self.info).name


@dataclass(frozen=True, slots=True)
class Taken:
    """What a stage has in common with earlier releases."""

    packages: tuple[Package, ...] = ()
    known: dict[str, Hashed] = field(default_factory=dict)
    """Files that are not stored a second time, by path."""

    def shared(self, stage: Path) -> dict[str, int]:
        """Return the bytes of each file that is still in common, by path."""
        return {
            path: one.size
            for path, one in self.known.items()
            if one.identity == identity_of(os.lstat(stage / path))
        }

    def check(self, stage: Path, entries: Mapping[str, Entry]) -> None:
        """Raise IntegrityError where a file in common is not any more what it was when read.

        Whoever damages an earlier release in place damages the next one under way with it, and
        that is not to be recorded as what was published.
        """
        for path, one in self.known.items():
            same = os.lstat(stage / path).st_ino == one.identity[1]
            if same and entries[path].sha256 != one.sha256:
                raise IntegrityError(
                    f"{path}: somebody wrote to this file of an earlier release",
                    hints=["lamina release verify --all", "then run it again"],
                )


def plan_takeover(draft: Draft) -> tuple[Package, ...]:
    """Return the packages that can be taken over, with every file read and found as recorded.

    Wheels only: what is built from source need not become the same again, and neither need what
    hooks have changed. A release that is only made once more has built what it has.
    """
    if not draft.earlier:
        return ()
    left = {one.package: one for one in draft.request.artifacts if one.package not in draft.hooked}
    series = draft.interpreter.series
    tag = f"cpython-{series.major}{series.minor}"
    found: list[Package] = []
    with report.step("looking for packages that are there already") as step:
        for earlier in draft.earlier:
            have = {one.name: one.sha256 for one in earlier.manifest.packages}
            wanted = [
                one
                for one in left.values()
                if have.get(one.package) == one.sha256
                if one.kind is ArtifactKind.WHEEL or earlier.release == draft.release
            ]
            if not wanted or _may_be_changed(earlier):
                continue
            for package in _sound(earlier, wanted, tag=tag):
                found.append(package)
                del left[package.artifact.package]
        brought = Counter(path for one in found for path in one.files)
        # Of different releases, two packages may have brought the same file.
        apart = tuple(one for one in found if all(brought[path] == 1 for path in one.files))
        step.outcome = f"{len(apart)} of {len(draft.request.artifacts)}"
    return apart


def _may_be_changed(earlier: Earlier) -> bool:
    """Tell whether hooks wrote to a release: its listing has what they made of any file."""
    try:
        return bool(hooked_in(load_stack(earlier.release.internal / KEPT_STACK_NAME)))
    except LaminaError:
        return True  # Nobody knows: it is of another version of lamina.


def _sound(earlier: Earlier, wanted: Iterable[Artifact], *, tag: str) -> Iterator[Package]:
    """Yield what can be taken over from one release."""
    installed = _Installed.of(earlier, tag)
    lists = {one: files for one in wanted if (files := installed.files_of(one.package)) is not None}
    every = {path for files in lists.values() for path in files}
    prefix = earlier.prefix
    read = hash_files((f"{prefix}/{path}" for path in every), needle=_place_in_root(earlier))
    for artifact, files in lists.items():
        hashed = {
            path: one
            for path in files
            if (one := read[f"{prefix}/{path}"]) and _as_recorded(path, one, earlier.entries[path])
        }
        if len(hashed) == len(files):
            info = installed.infos[artifact.package]
            yield Package(artifact=artifact, earlier=earlier, info=info, files=hashed)


def _place_in_root(earlier: Earlier) -> bytes:
    """Return what a file contains that names its release: the end of the path."""
    return "/".join(earlier.release.prefix.parts[-3:]).encode()


def _as_recorded(path: str, one: Hashed, recorded: Entry) -> bool:
    """Tell whether a file is sound, and another release can have it: scripts are rewritten."""
    sound = (one.sha256, one.size, one.mode) == (recorded.sha256, recorded.size, recorded.mode)
    return sound and (not one.hit or path.startswith("bin/"))


@dataclass(frozen=True, slots=True)
class _Installed:
    """The packages of a release by their RECORDs."""

    earlier: Earlier
    tag: str
    infos: Mapping[str, str]
    """The metadata directory of each package that has one."""
    claims: Mapping[str, frozenset[str]]
    """By metadata directory, the paths that the package says it brought."""
    claimed: Counter[str]
    """How many packages say so of a path."""
    empty: tuple[str, ...]
    """The directories with nothing in them, which no RECORD has."""

    @classmethod
    def of(cls, earlier: Earlier, tag: str) -> _Installed:
        """Read every RECORD."""
        records = [path for path in earlier.entries if _RECORD.fullmatch(path)]
        claims = {
            path.removesuffix("/RECORD"): frozenset(_inside(earlier.prefix, path))
            for path in records
        }
        names = Counter(_name_of(info) for info in claims)
        infos = {name: info for info in claims if names[name := _name_of(info)] == 1}
        claimed = Counter(path for paths in claims.values() for path in paths)
        filled = {path.rpartition("/")[0] for path in earlier.entries}
        kinds = earlier.entries.items()
        empty = tuple(p for p, one in kinds if one.kind == "dir" and p not in filled)
        return cls(earlier, tag, infos, claims, claimed, empty)

    def files_of(self, package: str) -> list[str] | None:
        """Return what a package brought, with its byte code; None when that cannot be told."""
        info = self.infos.get(package)
        paths = self.claims.get(info or "", frozenset())
        if f"{info}/RECORD" not in paths or any(self._strange(path) for path in paths):
            return None
        tops = {one for path in paths if (one := _top(path))}
        if any(f"{path}/".startswith(tuple(tops)) for path in self.empty):
            return None
        codes = (_byte_code(path, self.tag) for path in paths if path.endswith(".py"))
        return sorted(paths | {code for code in codes if code in self.earlier.entries})

    def _strange(self, path: str) -> bool:
        """Tell whether a path is not simply a file that this package alone brought."""
        entry = self.earlier.entries.get(path)
        ours = path.startswith(("../", "/", f"{INTERNAL}/"))
        return ours or entry is None or entry.kind != "file" or self.claimed[path] > 1


def _inside(prefix: str, record: str) -> Iterator[str]:
    for path, _ in read_record(Path(prefix) / record):
        yield os.path.relpath(path, prefix)


def _name_of(info: str) -> str:
    name = PurePosixPath(info).name.removesuffix(_INFO).rpartition("-")[0]
    try:
        return parse_package_name(name)
    except ValueError:
        return ""


def _top(path: str) -> str:
    """Return the directory of site-packages that a path is in, with a slash; "" for any other."""
    library, python, site, top, *below = [*path.split("/"), "", "", ""]
    return f"{library}/{python}/{site}/{top}/" if site == "site-packages" and any(below) else ""


def _byte_code(path: str, tag: str) -> str:
    directory, name = os.path.split(path)
    return f"{directory}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"


def clashing(packages: Iterable[Package], stage: Path) -> list[Package]:
    """Return the packages that have a file in common with what was installed into a stage."""
    return [one for one in packages if any(os.path.lexists(stage / path) for path in one.files)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How files are shared: what is not tried need not fail for each of them."""

    clone: bool
    link: bool = True

    def reaches(self, earlier: Earlier, stage: Path) -> bool:
        """Tell whether files of a release can be shared; not those of other accounts, or far away.

        Tried with one that is small and nobody else's.
        """
        beside = stage / f".{uuid4().hex[:12]}"
        manifest = earlier.release.internal / MANIFEST_NAME
        try:
            return fs.share_file(manifest, beside, clone=self.clone, link=self.link) != "copy"
        finally:
            fs.remove_file(beside)

    def share(self, source: Path, target: Path, read: Hashed) -> Hashed | None:
        """Give a new path the content of a file that was read; None where it had to be copied.

        Raises IntegrityError where it may be another file by now.
        """
        _check_unchanged(source, read)
        if fs.share_file(source, target, clone=self.clone, link=self.link) == "copy":
            return None
        return replace(read, identity=identity_of(target.lstat()))


def _check_unchanged(source: Path, read: Hashed) -> None:
    try:
        unchanged = identity_of(source.lstat()) == read.identity
    except OSError:  # A repository of CVMFS is away for a moment whenever something is published.
        unchanged = False
    if not unchanged:
        raise IntegrityError(f"{source}: not the file that it was when it was read")


def give_back(packages: Iterable[Package], stage: Path) -> None:
    """Undo a ``take_over`` that failed."""
    for one in packages:
        for path in one.files:
            fs.remove_file(stage / path)


def take_over(packages: Collection[Package], stage: Path, *, link: bool = True) -> Taken:
    """Give a stage the files of packages; nothing may install into it afterwards.

    Without ``link``, no file is the earlier release's own, and something may yet write to it.
    Raises IntegrityError where what was planned is not there any more.
    """
    taken = Taken(packages=tuple(packages))
    if not packages:
        return taken
    way = _Way(clone=fs.can_clone(stage), link=link)
    with report.step(f"taking over {len(packages)} packages", total=len(packages)) as step:
        made: set[Path] = set()
        for package in packages:
            scripts = Relocation(stage=package.earlier.release.prefix, final=stage)
            for path, read in package.files.items():
                target = stage / path
                if target.parent not in made:
                    fs.make_directory(target.parent)
                    made.add(target.parent)
                source = package.earlier.release.prefix / path
                if read.hit:
                    _check_unchanged(source, read)
                    data = scripts.script(source.read_bytes())
                    mode = package.earlier.entries[path].mode
                    fs.write_bytes(target, data, mode=mode, durable=False)
                elif shared := way.share(source, target, read):
                    taken.known[path] = shared
            step.advance()
        step.outcome = f"{len(taken.known)} files shared"
    return taken


def share_unchanged(draft: Draft, taken: Taken) -> None:
    """Replace what else came out the same as in an earlier release by what is there.

    That is a copy of the interpreter, and much of a package that only a few files changed of.
    """
    way = _Way(clone=bool(draft.earlier) and fs.can_clone(draft.stage))
    for earlier in draft.earlier[:1]:
        if not way.reaches(earlier, draft.stage):
            continue
        with report.step(f"sharing what is as in {earlier.release.name}") as step:
            alike = _alike(draft.stage, earlier, taken)
            there = hash_files(f"{earlier.prefix}/{path}" for path in alike)
            new = hash_files(f"{draft.stage}/{path}" for path in alike)
            before = len(taken.known)
            for path in alike:
                old = there[f"{earlier.prefix}/{path}"]
                made = new[f"{draft.stage}/{path}"]
                sound = old is not None and old.mode == earlier.entries[path].mode
                if old and made and sound and old.sha256 == made.sha256:
                    shared = _exchange(way, Path(earlier.prefix, path), draft.stage / path, old)
                    taken.known.update({path: shared} if shared else {})
            step.outcome = f"{len(taken.known) - before} more files"


_PACKS = f"{INTERNAL}/{INDEX_NAME}/"
"""Byte code names no place, so that a pack of it may be the same in the next release."""


def _alike(stage: Path, earlier: Earlier, taken: Taken) -> list[str]:
    """Return the files of a stage that may be those of a release: same path, size and mode."""
    found: list[str] = []
    for path, entry in earlier.entries.items():
        ours = path.startswith(f"{INTERNAL}/") and not path.startswith(_PACKS)
        if entry.kind != "file" or path in taken.known or ours:
            continue
        try:
            status = os.lstat(stage / path)
        except OSError:
            continue
        same = status.st_size == entry.size and fs.read_only(status.st_mode) == entry.mode
        if same and stat.S_ISREG(status.st_mode):
            found.append(path)
    return found


def _exchange(way: _Way, source: Path, target: Path, read: Hashed) -> Hashed | None:
    """Replace a file by one that is the same; None where that would be a copy."""
    beside = target.with_name(f".{target.name}.{uuid4().hex[:12]}")
    shared = way.share(source, beside, read)
    if shared is None:
        fs.remove_file(beside)
    else:
        fs.rename(beside, target)
    return shared
