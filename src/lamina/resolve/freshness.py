"""Whether a lock still belongs to its stack, and how two locks differ; no network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from lamina.core.errors import DocumentError, Problem
from lamina.lock.document import CONDA
from lamina.lock.files import load_lock
from lamina.resolve.conda_closure import held_in
from lamina.resolve.demands import index_of, stack_demands, stack_targets
from lamina.resolve.heritage import changed_parents, inherit_as_locked
from lamina.stack.files import STACK_NAME, digest_of_resolution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.lock.document import Lock, LockedPackage
    from lamina.resolve.heritage import Heritage
    from lamina.stack.document import Stack


def is_fresh(stack: Stack, lock: Lock) -> bool:
    """Tell whether a lock was made from what the stack says now."""
    return lock.stack_digest == digest_of_resolution(stack) and lock.stack == stack.stack.name


def load_fresh_lock(stack: Stack, path: Path, root: Path) -> Lock:
    """Read the lock of a stack; raises DocumentError when it is missing, broken or stale.

    ``root`` is where releases of its parents are.
    """
    lock, heritage = load_with_parents(stack, path, root)
    check_fresh(lock, heritage, path)
    return lock


def load_with_parents(stack: Stack, path: Path, root: Path) -> tuple[Lock, Heritage]:
    """Read the lock that was made from what a stack says, and the parents it names as they are now.

    Raises DocumentError when it is missing, broken or of another stack, or a parent is gone.
    """
    if not path.exists():
        problem = Problem(where="", found="there is no lock")
        raise DocumentError(path, [problem], hints=["lamina lock"])
    lock = load_lock(path)
    if not is_fresh(stack, lock):
        problem = Problem(where="stack-digest", found="the stack has changed since it was locked")
        raise DocumentError(path, [problem], hints=["lamina lock"])
    return lock, inherit_as_locked(stack, path.with_name(STACK_NAME), root, lock)


def check_fresh(lock: Lock, heritage: Heritage, path: Path) -> None:
    """Raise DocumentError when a lock does not belong to its stack with its parents."""
    problems = [
        Problem(where="parent", found=f"{name} changed since the stack was locked")
        for name in changed_parents(lock, heritage)
    ] or list(_check_against(heritage.stack, lock))
    if problems:
        raise DocumentError(path, problems, hints=["lamina lock"])


def _check_against(stack: Stack, lock: Lock) -> Iterator[Problem]:
    """Yield what a lock of this stack cannot lack or have, whatever its digest says."""
    wanted = stack_targets(stack)
    if set(lock.targets) != set(wanted):
        yield Problem(
            where="targets",
            found=f"is for {', '.join(map(str, lock.targets))}",
            allowed=f"the stack is for {', '.join(map(str, wanted))}",
        )
        return
    there = {(one.name, to) for one in lock.packages for to in one.targets or lock.targets}
    there |= {(name, to) for to in wanted for name in held_in(lock, to)}
    yield from _check_conda(stack, lock)
    for demand in stack_demands(stack):
        for target in wanted:
            if demand.holds_for(target) and (demand.name, target) not in there:
                yield Problem(where=demand.where, found=f"{demand.name} is missing for {target}")
    for number, one in enumerate(lock.packages):
        if one.index != index_of(stack, one.name):
            yield Problem(
                where=f"package[{number}].index",
                found=f"{one.name} from {one.index!r}",
                allowed=f"the stack takes it from {index_of(stack, one.name)!r}",
            )


def _check_conda(stack: Stack, lock: Lock) -> Iterator[Problem]:
    """Yield the lines of [conda] that a lock does not meet, and channels that the stack has not."""
    for target in stack_targets(stack):
        there = {one.name for one in lock.conda_for(target)}
        for name, entry in stack.conda.items():
            wanted = not entry.platforms or target.platform in entry.platforms
            if wanted and name not in there:
                yield Problem(where=f"conda.{name}", found=f"{name} is missing for {target}")
    for number, one in enumerate(lock.conda):
        own = stack.conda.get(one.name)
        allowed = (own.channel,) if own is not None and own.channel else stack.resolve.channels
        if one.channel not in allowed:
            yield Problem(
                where=f"conda[{number}].channel",
                found=f"{one.name} from {one.channel!r}",
                allowed=f"the stack takes it from {' or '.join(map(repr, allowed)) or 'none'}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChanges:
    """How a lock differs from the one before, by package."""

    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    up: tuple[tuple[str, str, str], ...] = ()
    down: tuple[tuple[str, str, str], ...] = ()

    def lines(self) -> list[str]:
        """Return one line for each package that changed."""
        moved = [(name, f"{old} -> {new}") for name, old, new in (*self.up, *self.down)]
        return [
            *(f"+ {name} {version}" for name, version in self.added),
            *(f"- {name} {version}" for name, version in self.removed),
            *(f"~ {name} {change}" for name, change in sorted(moved)),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the changes for --json."""
        moved = {
            kind: [{"name": name, "from": old, "to": new} for name, old, new in many]
            for kind, many in (("up", self.up), ("down", self.down))
        }
        there = {
            kind: [{"name": name, "version": version} for name, version in many]
            for kind, many in (("added", self.added), ("removed", self.removed))
        }
        return {**there, **moved}


def compare_locks(old: Lock | None, new: Lock) -> LockChanges:
    """Return what changed; a package with several versions counts by all of them.

    A conda package is called ``conda:NAME``; where nothing else differs, its builds are told, the
    commits of packages from git, and the digests of those from a path.
    """
    before, after = _versions(old), _versions(new)
    builds = _builds(old), _builds(new)
    moved = []
    for name in sorted(before.keys() & after.keys()):
        sides = (before, after) if before[name] != after[name] else builds
        was, now = (", ".join(one.get(name) or before[name]) for one in sides)
        if was != now:
            moved.append((name, was, now))

    def rises(name: str) -> bool:
        return max(map(_order, after[name])) >= max(map(_order, before[name]))

    return LockChanges(
        added=tuple((one, ", ".join(after[one])) for one in sorted(after.keys() - before.keys())),
        removed=tuple(
            (one, ", ".join(before[one])) for one in sorted(before.keys() - after.keys())
        ),
        up=tuple(one for one in moved if rises(one[0])),
        down=tuple(one for one in moved if not rises(one[0])),
    )


def _versions(lock: Lock | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in lock.packages if lock else ():
        found.setdefault(one.name, []).append(one.version)
    for built in lock.conda if lock else ():
        found.setdefault(f"{CONDA}{built.name}", []).append(built.version)
    return {name: sorted(set(many), key=_order) for name, many in found.items()}


def _builds(lock: Lock | None) -> dict[str, list[str]]:
    """Return version and build of each conda package, of others what tells their sources apart."""
    found: dict[str, set[str]] = {}
    for package in lock.packages if lock else ():
        found.setdefault(package.name, set()).add(f"{package.version}{_mark(package)}")
    for one in lock.conda if lock else ():
        found.setdefault(f"{CONDA}{one.name}", set()).add(f"{one.version} {one.build}")
    return {name: sorted(many) for name, many in found.items()}


def _mark(package: LockedPackage) -> str:
    """Return the commit or the digest of what is of no index; empty for all else."""
    if package.origin is None:
        return ""
    return f" {(package.origin.commit or package.artifacts[0].sha256)[:12]}"


def _order(version: str) -> tuple[bool, Version, str]:
    """Return what to sort by; versions of conda that are none of PEP 440 come first, by text."""
    try:
        return True, Version(version), ""
    except InvalidVersion:
        numbers = ".".join(re.findall(r"\d+", version)) or "0"
        return False, Version(numbers), version
