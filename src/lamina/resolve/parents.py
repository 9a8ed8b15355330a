"""Find what a stack extends: releases in a root, or locks."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from graphlib import CycleError
from typing import TYPE_CHECKING

from lamina.core.errors import DocumentError, LaminaError, Problem
from lamina.lock.document import PARENT
from lamina.lock.files import LOCK_NAME, digest_of_lock, load_lock
from lamina.model.document import near_match
from lamina.model.precedence import in_order
from lamina.release.history import retired
from lamina.release.root import open_root
from lamina.release.sources import stack_inside
from lamina.resolve.demands import stack_targets
from lamina.stack.files import STACK_NAME, digest_of_resolution, load_stack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from lamina.lock.document import Lock, LockedParent
    from lamina.model.digests import Sha256
    from lamina.model.names import IndexName, StackName
    from lamina.model.versions import ReleaseVersion
    from lamina.release.root import Release, Root
    from lamina.stack.document import Stack
    from lamina.stack.parents import ParentEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A stack whose packages come along, as it is now."""

    entry: ParentEntry
    where: str
    """The place in lamina.toml, such as ``stack.extends[0]``."""
    lock: Lock
    version: ReleaseVersion | None = None
    root: Path | None = None
    """Where its release is."""
    releases: tuple[Release, ...] = ()
    """Its release for each platform."""
    indexes: Mapping[IndexName, str] = field(default_factory=dict)
    """The address of each index that its packages may name."""

    @property
    def stack(self) -> StackName:
        """Its name."""
        return self.lock.stack

    @property
    def name(self) -> str:
        """As people write it: ``stack/version``, or ``stack`` where there is only a lock."""
        return f"{self.stack}/{self.version}" if self.version else self.stack

    @property
    def origin(self) -> str:
        """Stands in a lock among those who asked for a package."""
        return PARENT + self.name

    @property
    def digest(self) -> Sha256:
        """The digest of its lock."""
        return digest_of_lock(self.lock)

    @property
    def below(self) -> tuple[StackName, ...]:
        """The stacks that it extends, directly or not."""
        parents = self.lock.parents
        names = [one.stack for one in parents] + [name for one in parents for name in one.below]
        return tuple(sorted(set(names)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentSearch:
    """Where parents are looked for, and which ones were taken before."""

    path: Path
    """The lamina.toml; its directory is where relative paths begin."""
    root: Path
    """Of the command."""
    taken: Mapping[StackName, LockedParent] = field(default_factory=dict)
    """Kept while they fit and are in service."""
    exact: bool = False
    """Nothing but what was taken will do."""

    def place(self, text: str) -> Path:
        """Return a path that lamina.toml gives."""
        return self.path.parent / text


def taken_in(lock: Lock | None) -> dict[StackName, LockedParent]:
    """Return the parents of a lock by their names."""
    return {one.stack: one for one in lock.parents} if lock else {}


def find_parents(stack: Stack, search: ParentSearch) -> tuple[Parent, ...]:
    """Return what a stack extends, the first to win first.

    Raises DocumentError with every parent that is not there, not locked for a target of the stack,
    or part of a circle.
    """
    found: list[Parent] = []
    problems: list[Problem] = []
    for number, entry in enumerate(stack.stack.extends):
        where = f"stack.extends[{number}]"
        try:
            parent = _find(entry, where, search)
        except _NotFoundError as error:
            problems.append(error.problem)
            continue
        problems += _check(parent, stack)
        found.append(parent)
    problems += _twice(found)
    if problems:
        here = any(one.lock is None and one.root is None for one in stack.stack.extends)
        hints = [shlex.join(["lamina", "release", "list", "--root", str(search.root)])]
        raise DocumentError(search.path, problems, hints=hints if here else [])
    ordered = _ordered(found, search.path)
    return tuple(replace(one, indexes=_indexes(one, search, frozenset())) for one in ordered)


class _NotFoundError(Exception):
    def __init__(self, where: str, found: str, *, allowed: str = "", suggestion: str = "") -> None:
        super().__init__(found)
        self.problem = Problem(where=where, found=found, allowed=allowed, suggestion=suggestion)


def _find(entry: ParentEntry, where: str, search: ParentSearch) -> Parent:
    try:
        if entry.lock is not None:
            return _by_lock(entry, where, search)
        return _by_release(entry, where, search)
    except LaminaError as error:
        raise _NotFoundError(where, f"{entry}: {error.message}") from error


def _by_lock(entry: ParentEntry, where: str, search: ParentSearch) -> Parent:
    path = search.place(str(entry.lock))
    lock = load_lock(path / LOCK_NAME if path.is_dir() else path)
    if entry.stack is not None and entry.stack != lock.stack:
        found = f"{entry.lock} is the lock of {lock.stack!r}, not of {entry.stack!r}"
        near = near_match(entry.stack, [lock.stack])
        raise _NotFoundError(where, found, suggestion=near)
    return Parent(entry=entry, where=where, lock=lock)


def _by_release(entry: ParentEntry, where: str, search: ParentSearch) -> Parent:
    root = open_root(search.place(entry.root) if entry.root else search.root)
    assert entry.stack is not None  # noqa: S101
    version = _version(entry, where, root, search)
    releases = tuple(one for one in root.releases(entry.stack) if one.version == version)
    locks = {one: load_lock(one.internal / LOCK_NAME) for one in releases}
    if len({digest_of_lock(one) for one in locks.values()}) > 1:
        names = ", ".join(str(one.platform) for one in releases)
        raise _NotFoundError(
            where, f"{entry.stack}/{version} has another lock on each of {names}; extend another"
        )
    return Parent(
        entry=entry, where=where, lock=locks[releases[0]], version=version,
        root=root.path, releases=releases,
    )  # fmt: skip


def _version(entry: ParentEntry, where: str, root: Root, search: ParentSearch) -> ReleaseVersion:
    """Return the release to take: that of before while it fits, else what is asked for."""
    stack = entry.stack
    assert stack is not None  # noqa: S101
    versions = list(dict.fromkeys(one.version for one in root.releases(stack)))
    if not versions:
        near = near_match(stack, [one for one in root.stacks() if root.releases(one)])
        found = f"{root.path}: no release of the stack {stack!r}"
        raise _NotFoundError(where, found, suggestion=near)
    before = search.taken.get(stack)
    out = retired(root.path, stack)
    if search.exact:
        if before is not None and before.version in versions:
            return before.version
        wanted = before.name if before is not None else stack
        raise _NotFoundError(
            where, f"{wanted} is not in {root.path}", allowed=_there(stack, versions)
        )
    fitting = list(_fitting(entry, where, root, versions))
    serving = [one for one in fitting if one not in out]
    if not serving:
        raise _NotFoundError(
            where,
            f"{', '.join(f'{stack}/{one}' for one in fitting)}: retired",
            allowed=_there(stack, [one for one in versions if one not in out]),
        )
    if before is not None and before.tier == entry.tier:
        kept = before.version
        if kept in serving or (entry.tier and kept in versions and kept not in out):
            return kept
    return root.newest(stack, serving)


def _fitting(
    entry: ParentEntry, where: str, root: Root, versions: Collection[ReleaseVersion]
) -> Iterator[ReleaseVersion]:
    stack = entry.stack
    assert stack is not None  # noqa: S101
    if entry.tier is not None:
        tiers = root.tiers(stack)
        if tiers.get(entry.tier) not in versions:
            there = ", ".join(f"{stack}@{one}" for one in tiers) or "none"
            raise _NotFoundError(
                where,
                f"{root.path}: {stack} has no tier {entry.tier!r}",
                allowed=f"there is: {there}",
                suggestion=near_match(entry.tier, tiers),
            )
        yield tiers[entry.tier]
        return
    fitting = [one for one in versions if entry.specifier.contains(one, prereleases=True)]
    if not fitting:
        raise _NotFoundError(
            where,
            f"{root.path}: no release of {stack} is in {entry.version!r}",
            allowed=_there(stack, versions),
        )
    yield from fitting


def _there(stack: StackName, versions: Iterable[ReleaseVersion]) -> str:
    return f"there is: {', '.join(f'{stack}/{one}' for one in versions) or 'nothing'}"


def _check(parent: Parent, stack: Stack) -> Iterator[Problem]:
    wanted = stack_targets(stack)
    if missing := [one for one in wanted if one not in parent.lock.targets]:
        yield Problem(
            where=parent.where,
            found=f"{parent.name} is not locked for {', '.join(map(str, missing))}",
            allowed=f"it is for {', '.join(map(str, sorted(parent.lock.targets)))}",
        )
    if stack.stack.name in (parent.stack, *parent.below):
        circle = [stack.stack.name, parent.stack]
        circle += [stack.stack.name] if parent.stack != stack.stack.name else []
        yield Problem(where=parent.where, found=_circle(circle))


def _twice(parents: Iterable[Parent]) -> Iterator[Problem]:
    """Yield parents of one name, which a lock may turn out to have."""
    seen: dict[StackName, str] = {}
    for one in parents:
        if (first := seen.setdefault(one.stack, one.where)) != one.where:
            yield Problem(where=one.where, found=f"{first} is {one.stack!r} already")


def _ordered(parents: Collection[Parent], path: Path) -> list[Parent]:
    """Order them: those that extend others first, then the higher priority, then by name."""
    by_name = {one.stack: one for one in parents}
    try:
        names = in_order(
            {name: one.below for name, one in by_name.items()},
            key=lambda name: (-by_name[name].entry.priority, name),
        )
    except CycleError as error:
        problem = Problem(where="stack.extends", found=_circle(list(reversed(error.args[1]))))
        raise DocumentError(path, [problem]) from error
    return [by_name[name] for name in names]


def _circle(names: Iterable[str]) -> str:
    return f"a circle: {' extends '.join(names)}"


def stale_locks(parents: Iterable[Parent], search: ParentSearch) -> Iterator[str]:
    """Yield a sentence for each parent by its lock that is older than the lamina.toml beside it."""
    for one in parents:
        path = _beside(one, search)
        if path is not None and one.lock.stack_digest != digest_of_resolution(load_stack(path)):
            yield f"{one.where}: the lock of {one.name} is older than {path}"


def _beside(parent: Parent, search: ParentSearch) -> Path | None:
    """Return the lamina.toml beside the lock of a parent."""
    if parent.entry.lock is None:
        return None
    place = search.place(parent.entry.lock)
    path = (place if place.is_dir() else place.parent) / STACK_NAME
    return path if path.is_file() else None


def _indexes(parent: Parent, search: ParentSearch, seen: frozenset[Path]) -> dict[IndexName, str]:
    """Return where the indexes of a parent are, by what it and those below it say."""
    if parent.releases:
        return dict(stack_inside(parent.releases[0]).resolve.indexes)
    path = _beside(parent, search)
    if path is None or path in seen:
        return {}
    stack = load_stack(path)
    found: dict[IndexName, str] = {}
    if parent.lock.parents and stack.stack.extends:
        inner = ParentSearch(path=path, root=search.root, taken=taken_in(parent.lock), exact=True)
        for number, entry in enumerate(stack.stack.extends):
            try:
                one = _find(entry, f"stack.extends[{number}]", inner)
            except _NotFoundError as error:
                raise DocumentError(path, [error.problem]) from error
            found |= _indexes(one, inner, seen | {path})
    return found | dict(stack.resolve.indexes)
