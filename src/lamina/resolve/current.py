"""The lock that a release is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import DocumentError, Problem
from lamina.lock.files import LOCK_NAME, load_lock, save_lock
from lamina.model.document import near_match
from lamina.resolve.abi import check_abi
from lamina.resolve.freshness import is_fresh, load_fresh_lock
from lamina.resolve.heritage import inherit, inherit_as_locked
from lamina.resolve.locking import lock_stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.lock.document import Lock
    from lamina.resolve.heritage import Heritage
    from lamina.stack.document import Stack


def current_lock(
    stack: Stack, path: Path, *, root: Path, environ: Mapping[str, str], save: bool
) -> tuple[Lock, Heritage]:
    """Return the lock beside the lamina.toml at ``path``, made now where there is none.

    With it comes the stack with its parents.

    Raises DocumentError when it is stale: a release comes from a lock that somebody has seen; and
    for a protected package that is not in it, which would protect nothing. Raises ConflictError
    when a parent in ``root`` has another ABI than the one that it was locked with.
    """
    place = path.with_name(LOCK_NAME)
    if place.exists():
        if stack.stack.extends and is_fresh(stack, there := load_lock(place)):
            check_abi(there, inherit_as_locked(stack, path, root, there).parents)
        lock = load_fresh_lock(stack, place, root)
        _check_protected(stack, lock, path)
        return lock, inherit_as_locked(stack, path, root, lock)
    report.note(f"there is no {LOCK_NAME} yet: locking first")
    heritage = inherit(stack, path, root, None)
    lock = lock_stack(stack, environ=environ, heritage=heritage)
    _check_protected(stack, lock, path)
    if save:
        save_lock(lock, place)
    return lock, heritage


def _check_protected(stack: Stack, lock: Lock, path: Path) -> None:
    names = {package.name for package in lock.packages}
    problems = [
        Problem(
            where=f"layers.protected[{number}]",
            found=f"{name} is not in the lock",
            suggestion=near_match(name, names),
        )
        for number, name in enumerate(stack.layers.protected)
        if name not in names
    ]
    if problems:
        raise DocumentError(path, problems)
