"""Make a release again what was published, out of recorded content and nothing else.

No file is written to: others may be the same file. What is right is made beside, in the staging
directory, hashed, and renamed into its place.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, assert_never
from uuid import uuid4

from lamina.core import fs, report
from lamina.core.errors import IntegrityError, LaminaError, NotSupportedError, UsageError
from lamina.release.guard import only_publisher
from lamina.release.mtree import hash_files, really_inside
from lamina.release.rebuild import Rebuilt
from lamina.release.root import MANIFEST_NAME, root_around
from lamina.release.verify import compare, recorded_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from lamina.release.mtree import Entry, Identity
    from lamina.release.root import Release, Root
    from lamina.release.verify import Findings

Way = Literal["remove", "directory", "link", "mode", "content", "rebuild"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """What is done about one path of a release."""

    path: str
    way: Way
    source: Path | None = None
    """The file that has the content."""
    origin: str = ""
    """The release that this file is of; of what is installed anew, where its package comes from."""

    def __str__(self) -> str:
        match self.way:
            case "remove":
                return f"remove   {self.path}"
            case "content":
                return f"replace  {self.path}  by that of {self.origin}"
            case "rebuild":
                depends = f", if it can be had: {self.origin}" if self.origin else ""
                return f"replace  {self.path}  installed anew{depends}"
            case "mode":
                return f"mode     {self.path}"
            case "link" | "directory":
                return f"make     {self.path}  a {self.way}"
            case _:
                assert_never(self.way)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What is wrong with a release, and what mends it."""

    findings: Findings
    recorded: Mapping[str, Entry]
    mends: tuple[Mend, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What was done, and what is still wrong."""

    mends: tuple[Mend, ...]
    left: Findings
    lost: Mapping[str, str] = field(default_factory=dict)
    """Of each package that cannot be had, by name and version, why."""


Rebuild = Callable[[Path], Rebuilt]
"""Realises the lock anew at a path of the staging directory; raises LaminaError where that cannot
be."""


def plan_repair(release: Release, root: Root, *, seen: dict[Identity, str] | None = None) -> Repair:
    """Return what mends a release; hashes it, and files of others that can give it content.

    Raises IntegrityError when it is no longer known what was published, DocumentError,
    StorageError.
    """
    recorded = recorded_files(release)
    findings = compare(recorded, release.prefix, seen=seen)
    extra = set(findings.extra)
    mends = [
        Mend(path=path, way="remove")
        for path in findings.extra
        if str(PurePosixPath(path).parent) not in extra
    ]
    mends += [Mend(path=path, way="mode") for path in sorted(findings.only_modes)]
    mends += [Mend(path=path, way="directory") for path in _of_kind(findings, recorded, "dir")]
    mends += [Mend(path=path, way="link") for path in _of_kind(findings, recorded, "link")]
    wanted = _of_kind(findings, recorded, "file")
    donors = _donors(root, release, {recorded[path].sha256 for path in wanted})
    for path in wanted:
        source, origin = donors.get(recorded[path].sha256, (None, ""))
        way: Way = "rebuild" if source is None else "content"
        mends.append(Mend(path=path, way=way, source=source, origin=origin))
    return Repair(findings=findings, recorded=recorded, mends=tuple(mends))


def with_origins(mends: Iterable[Mend], told: Mapping[str, str]) -> list[Mend]:
    """Return mends that say where the package of what is installed anew comes from, by path."""
    return [
        replace(one, origin=told.get(one.path, "")) if one.way == "rebuild" else one
        for one in mends
    ]


def render_mends(mends: Iterable[Mend], most: int) -> list[str]:
    """Return one line a mend, modes last; of more than ``most``, how many are left out."""
    ordered = sorted(mends, key=lambda one: one.way == "mode")
    lines = [str(one) for one in ordered[:most]]
    if rest := ordered[most:]:
        lines.append(f"and {len(rest)} more{' (mode)' if rest[0].way == 'mode' else ''}")
    return lines


def _of_kind(findings: Findings, recorded: Mapping[str, Entry], kind: str) -> list[str]:
    """Return what of one kind is missing, or changed in more than its mode, parents first."""
    changed = [path for path, how in findings.changed.items() if how != ("mode",)]
    return sorted(path for path in (*changed, *findings.missing) if recorded[path].kind == kind)


def _donors(root: Root, release: Release, wanted: Collection[str]) -> dict[str, tuple[Path, str]]:
    """Return, by digest, a file that still has this content, and the release it is of."""
    found: dict[str, tuple[Path, str]] = {}
    others = [one for one in reversed(root.releases()) if one != release]
    for one in (release, *others):
        if len(found) == len(wanted):
            break
        try:
            recorded = recorded_files(one)
        except LaminaError:
            continue  # Damaged itself: others may have the file, or the lock is installed anew.
        alike = (
            path
            for path, entry in recorded.items()
            if entry.sha256 in wanted and entry.sha256 not in found
        )
        may_be = {
            f"{one.prefix}/{path}": recorded[path].sha256
            for path in really_inside(one.prefix, alike)
        }
        for path, hashed in hash_files(may_be).items():
            if hashed and hashed.sha256 == may_be[path]:
                found[hashed.sha256] = (Path(path), one.name)
    return found


def repair(
    release: Release,
    root: Root,
    rebuild: Rebuild,
    *,
    environ: Mapping[str, str],
    now: datetime,
) -> Repaired:
    """Mend a release as far as recorded content is to be had.

    Whenever it ends, every file is as it was or as it was published. What is outside of the root
    gets copies: its owner may write to them. Raises ConflictError while a publisher is at work, and
    what ``plan_repair`` raises.
    """
    if not root.backend.in_place:
        raise NotSupportedError(
            f"{root.path}: CVMFS keeps files by their content, and finds damage by itself",
            hints=["cvmfs_server check, on the machine that publishes"],
        )
    seen: dict[Identity, str] = {}
    with only_publisher(root, environ=environ, now=now):
        if not (release.internal / MANIFEST_NAME).is_file():
            raise UsageError(f"{release.name}: somebody has just removed it")
        plan = plan_repair(release, root, seen=seen)
        if not plan.mends:
            return Repaired(mends=(), left=plan.findings)
        lost: Mapping[str, str] = {}
        with _workshop(root.staging) as workshop, report.step(f"mending {release.name}"):
            inside = root_around(release) is not None
            bench = _Bench(
                release=release,
                recorded=plan.recorded,
                workshop=workshop if inside else release.internal / workshop.name,
                link=inside,
            )
            with nullcontext() if inside else bench.own_workshop():
                bench.mend([one for one in plan.mends if one.way != "rebuild"])
                if anew := [one for one in plan.mends if one.way == "rebuild"]:
                    made = _rebuilt(rebuild, workshop)
                    lost = made.lost
                    bench.mend(_supplied(anew, plan.recorded, made.files))
        left = compare(plan.recorded, release.prefix, seen=seen)
    wrong = {*left.changed, *left.missing, *left.extra}
    done = tuple(one for one in plan.mends if one.path not in wrong)
    return Repaired(mends=done, left=left, lost=lost)


def _rebuilt(rebuild: Rebuild, workshop: Path) -> Rebuilt:
    """Return the lock realised anew; nothing, with the reason said, where it fails."""
    try:
        return rebuild(workshop / f"stage-{uuid4().hex[:8]}")
    except LaminaError as error:
        report.warn(f"the release cannot be built anew: {error.message}")
        return Rebuilt(files={}, lost={})


def _supplied(
    mends: Sequence[Mend], recorded: Mapping[str, Entry], files: Mapping[str, Path]
) -> list[Mend]:
    """Return those that there is content for now."""
    return [
        Mend(path=one.path, way="content", source=files[digest], origin="the lock")
        for one in mends
        if (digest := recorded[one.path].sha256) in files
    ]


@contextmanager
def _workshop(staging: Path) -> Iterator[Path]:
    """Yield a directory of the root's file system; what a killed repair leaves is swept there."""
    workshop = staging / f"repair-{uuid4().hex[:12]}"
    fs.make_directory(workshop)
    try:
        yield workshop
    finally:
        fs.remove_tree(workshop)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """A release under repair."""

    release: Release
    recorded: Mapping[str, Entry]
    workshop: Path
    """A directory of the release's file system."""
    link: bool
    """Files may be those of other releases, too."""

    @contextmanager
    def own_workshop(self) -> Iterator[None]:
        """Have the workshop in the release; one that a killed repair leaves is removed as extra."""
        fs.set_mode(self.release.internal, 0o755)
        fs.make_directory(self.workshop)
        try:
            yield
        finally:
            with self._writable(self.release.internal):
                fs.remove_tree(self.workshop)

    def mend(self, mends: Sequence[Mend]) -> None:
        """Act; directories are writable meanwhile, where something in them changes."""
        with ExitStack() as opened:
            known: set[Path] = set()
            for one in mends:
                parent = (self.release.prefix / one.path).parent
                if parent not in known and one.way != "mode":
                    known.add(parent)
                    opened.enter_context(self._writable(parent))
                self._mend(one, opened)

    @contextmanager
    def _writable(self, directory: Path) -> Iterator[None]:
        fs.set_mode(directory, 0o755)
        try:
            yield
        finally:
            self._close(directory)

    def _close(self, directory: Path) -> None:
        """Give a directory its mode; it may have become something else."""
        entry = self.recorded.get(directory.relative_to(self.release.prefix).as_posix())
        if directory.is_dir() and not directory.is_symlink():
            fs.set_mode(directory, entry.mode if entry else 0o555)

    def _mend(self, one: Mend, opened: ExitStack) -> None:
        target = self.release.prefix / one.path
        if one.way == "remove":
            fs.remove_tree(target)
            return
        entry = self.recorded[one.path]
        match one.way:
            case "directory":
                if target.is_symlink() or not target.is_dir():
                    fs.remove_tree(target)
                    fs.make_directory(target)
                opened.callback(self._close, target)
            case "link":
                self._put(self._link_to(entry.target), target)
            case "mode" if entry.kind == "dir":
                opened.callback(self._close, target)  # Something in it may be mended yet.
            case "mode":
                fs.set_mode(target, entry.mode)
            case "content" | "rebuild":
                assert one.source is not None  # noqa: S101
                self._put(self._copy_of(one.source, entry), target)
            case _:
                assert_never(one.way)

    def _link_to(self, target: str) -> Path:
        beside = self.workshop / uuid4().hex
        fs.symlink(beside, target)
        return beside

    def _copy_of(self, source: Path, entry: Entry) -> Path:
        """Make a file beside and see that it is what was recorded."""
        beside = self.workshop / uuid4().hex
        same_mode = stat.S_IMODE(source.stat().st_mode) == entry.mode
        way = fs.share_file(source, beside, link=self.link and same_mode)
        if way != "link":
            fs.set_mode(beside, entry.mode)
        if fs.sha256_of(beside) != entry.sha256:
            raise IntegrityError(f"{source}: somebody is writing to it")
        return beside

    def _put(self, beside: Path, target: Path) -> None:
        """Rename into place; a directory there is no longer one first."""
        if target.is_dir() and not target.is_symlink():
            fs.remove_tree(target)
        fs.rename(beside, target)
