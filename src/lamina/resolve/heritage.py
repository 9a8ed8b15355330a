"""Join a stack with what its parents bring; what the stack lists itself wins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.version import Version

from lamina.core import report
from lamina.core.errors import DocumentError, Problem
from lamina.lock.document import LockedParent
from lamina.model.names import PUBLIC_INDEX
from lamina.release.manifest import ManifestParent
from lamina.resolve.abi import abi_lines
from lamina.resolve.demands import listed_names, stack_targets
from lamina.resolve.inherited import Inherited, Pin
from lamina.resolve.parents import ParentSearch, find_parents, stale_locks, taken_in
from lamina.resolve.selection import choose_wheel, system_floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lamina.lock.document import Lock, LockedArtifact, LockedPackage, ParentPlace
    from lamina.model.names import IndexName, PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.parents import Parent
    from lamina.stack.document import PackageEntry, Stack

    Carried = tuple[Parent, LockedPackage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heritage:
    """A stack with its parents."""

    stack: Stack
    """With the packages and indexes of the parents among its own."""
    parents: tuple[Parent, ...] = ()
    disagreements: tuple[str, ...] = ()
    """A sentence for each package of which two parents have different versions."""

    def locked(self, lock: Lock) -> tuple[LockedParent, ...]:
        """Return what a lock says of the parents."""
        return tuple(
            LockedParent(
                stack=one.stack,
                version=one.version,
                tier=one.entry.tier,
                found=_found(one),
                priority=one.entry.priority,
                lock_digest=one.digest,
                below=one.below,
                abi=abi_lines(one.lock, lock, one.origin),
            )
            for one in self.parents
        )

    def recorded(self, lock: Lock) -> tuple[ManifestParent, ...]:
        """Return what a release says of the parents that its lock has."""
        roots = {one.stack: str(one.root) for one in self.parents if one.entry.root}
        return tuple(ManifestParent(**dict(one), root=roots.get(one.stack)) for one in lock.parents)

    def further_indexes(self, stack: Stack) -> dict[IndexName, str]:
        """Return the addresses of indexes that ``stack``, as it is written, does not name."""
        own = stack.resolve.indexes
        return {name: one for name, one in self.stack.resolve.indexes.items() if name not in own}


def inherit(stack: Stack, path: Path, root: Path, previous: Lock | None) -> Heritage:
    """Return a stack with its parents: those of ``previous`` while they fit.

    Warns where parents disagree, and of one whose lock is stale itself. Raises DocumentError for
    parents that cannot be had.
    """
    if not stack.stack.extends:
        return Heritage(stack=stack)
    search = ParentSearch(path=path, root=root, taken=taken_in(previous))
    found = join(stack, find_parents(stack, search), path)
    for one in (*stale_locks(found.parents, search), *found.disagreements):
        report.warn(one)
    return found


def inherit_as_locked(stack: Stack, path: Path, root: Path, lock: Lock) -> Heritage:
    """Return a stack with exactly the parents of its lock, as they are now.

    Raises DocumentError where one is not there any more.
    """
    if not stack.stack.extends:
        return Heritage(stack=stack)
    search = ParentSearch(path=path, root=root, taken=taken_in(lock), exact=True)
    return join(stack, find_parents(stack, search), path)


def join(stack: Stack, parents: tuple[Parent, ...], path: Path) -> Heritage:
    """Put the packages of parents among those of a stack.

    Raises DocumentError where an index of one name has two addresses, or a file of a parent is
    for newer systems than the stack.
    """
    carried = _Carried(targets=stack_targets(stack), named=listed_names(stack))
    problems = []
    for parent in parents:
        for package in parent.lock.packages:
            if package.origin is None:
                carried.take(parent, package)
            elif package.name not in carried.named:
                problems.append(_of_no_index(parent, package))
    problems += _check_files(stack, carried)
    indexes = {**stack.resolve.indexes}
    problems += _add_indexes(indexes, stack, carried)
    if problems:
        raise DocumentError(path, problems)
    entries = {name: _entry(name, stack, by_target) for name, by_target in carried.packages.items()}
    resolve = stack.resolve.model_copy(update={"indexes": indexes})
    return Heritage(
        stack=stack.model_copy(
            update={"packages": {**stack.packages, **entries}, "resolve": resolve}
        ),
        parents=parents,
        disagreements=tuple(carried.disagreements),
    )


@dataclass(slots=True, kw_only=True)
class _Carried:
    """What parents bring, by package and target; the first who has it wins."""

    targets: tuple[Target, ...]
    named: frozenset[PackageName]
    """What the stack names itself."""
    packages: dict[PackageName, dict[Target, Carried]] = field(default_factory=dict)
    disagreements: dict[str, None] = field(default_factory=dict)

    def take(self, parent: Parent, package: LockedPackage) -> None:
        """Note a package, for the targets for which nobody before has it."""
        for target in self.targets:
            if package.targets and target not in package.targets:
                continue
            by_target = self.packages.setdefault(package.name, {})
            first = by_target.get(target)
            if first is None:
                if all(one.index == package.index for _, one in by_target.values()):
                    by_target[target] = (parent, package)
            elif first[1].version != package.version and package.name not in self.named:
                self.disagreements[_disagreement(first, (parent, package))] = None


def _of_no_index(parent: Parent, package: LockedPackage) -> Problem:
    """Return the problem of a package that no index has, which this stack would have to build."""
    origin = package.origin
    assert origin is not None  # noqa: S101 - who calls has looked
    where = f"{origin.git} at {origin.commit}" if origin.git else f"the path {origin.path} there"
    return Problem(
        where=parent.where,
        found=f"{package.name} of {parent.name} comes from {where}, of no index",
        allowed=f"list {package.name} under [packages] yourself",
    )


def _disagreement(first: Carried, second: Carried) -> str:
    (winner, taken), (loser, passed) = first, second
    reason = "which comes first by its name: give them a priority"
    if loser.stack in winner.below:
        reason = f"which extends {loser.stack}"
    elif winner.entry.priority != loser.entry.priority:
        reason = "which has the higher priority"
    return (
        f"{winner.name} has {taken.name} {taken.version} and {loser.name} has {passed.version}; "
        f"taken is that of {winner.name}, {reason}"
    )


def _entry(name: PackageName, stack: Stack, by_target: Mapping[Target, Carried]) -> PackageEntry:
    """Return the entry of a package: the stack's own, but from the index that the parent names."""
    index = next(iter(by_target.values()))[1].index
    own = stack.packages.get(name)
    if own is not None:
        return own if own.index else own.model_copy(update={"index": index})
    if name in listed_names(stack):
        return Inherited(index=index)
    pins: dict[tuple[str, str], dict[Target, LockedArtifact]] = {}
    for target, (parent, package) in by_target.items():
        file = _file_of(package, target)
        pins.setdefault((parent.name, package.version), {})[target] = file
    return Inherited(
        index=index,
        prerelease=any(Version(version).is_prerelease for _, version in pins),
        source=any(
            not file.file.endswith(".whl") for files in pins.values() for file in files.values()
        ),
        waive={
            one: f"as in {parent.name}"
            for parent, each in by_target.values()
            for one in sorted(each.waived)
        },
        pins=tuple(
            Pin(parent=parent, version=version, files=files)
            for (parent, version), files in pins.items()
        ),
    )


def _file_of(package: LockedPackage, target: Target) -> LockedArtifact:
    return next(one for one in package.artifacts if not one.targets or target in one.targets)


def _check_files(stack: Stack, carried: _Carried) -> Iterator[Problem]:
    """Yield the wheels that need newer systems than the stack allows."""
    floor = system_floor(stack)
    seen = set()
    for name, by_target in carried.packages.items():
        if name in carried.named:
            continue
        for target, (parent, package) in by_target.items():
            file = _file_of(package, target).file
            if file in seen or not file.endswith(".whl") or choose_wheel([file], target, floor):
                continue
            seen.add(file)
            yield Problem(
                where=parent.where,
                found=f"{file} of {parent.name} is for newer systems than this stack",
                allowed=f"raise resolve.glibc or resolve.macos, or list {name}",
            )


def _add_indexes(
    indexes: dict[IndexName, str], stack: Stack, carried: _Carried
) -> Iterator[Problem]:
    """Add the indexes that packages of parents name; yield those that are not where they were."""
    used: dict[tuple[str, IndexName], Parent] = {}
    for by_target in carried.packages.values():
        for parent, package in by_target.values():
            if package.index != PUBLIC_INDEX:
                used[parent.stack, package.index] = parent
    for (_, index), parent in sorted(used.items()):
        theirs = parent.indexes.get(index)
        here = indexes.get(index)
        if theirs is None and here is None:
            yield Problem(
                where=parent.where,
                found=f"nothing says where the index {index!r} of {parent.name} is",
                allowed=f"add it to resolve.indexes as {index!r}",
            )
        elif theirs and here and theirs.rstrip("/") != here.rstrip("/"):
            own = index in stack.resolve.indexes
            yield Problem(
                where=f"resolve.indexes.{index}" if own else parent.where,
                found=f"{index!r} is another index in {parent.name}",
                allowed="a package comes from its own index only: give one of them another name",
            )
        elif theirs:
            indexes[index] = theirs


def _found(parent: Parent) -> ParentPlace:
    if parent.version is None:
        return "lock"
    return "other-root" if parent.entry.root else "release"


def changed_parents(lock: Lock, heritage: Heritage) -> Iterable[str]:
    """Yield the name of each parent whose lock is not the one that was locked with."""
    then = taken_in(lock)
    for one in heritage.parents:
        before = then.get(one.stack)
        if before is None or before.lock_digest != one.digest:
            yield one.name
