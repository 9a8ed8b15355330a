"""The lock that a release is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import DocumentError, Problem
from lamina.lock.files import LOCK_NAME, save_lock
from lamina.model.document import near_match
from lamina.resolve.abi import check_abi
from lamina.resolve.freshness import check_fresh, load_with_parents
from lamina.resolve.heritage import inherit
from lamina.resolve.locking import lock_stack
from lamina.resolve.paths import check_paths

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
        lock, heritage = load_with_parents(stack, place, root)
        check_abi(lock, heritage.parents)
        check_fresh(lock, heritage, place)
        check_paths(lock, place, environ)
        _check_protected(stack, lock, path)
        return lock, heritage
    report.note(f"there is no {LOCK_NAME} yet: locking first")
    heritage = inherit(stack, path, root, None)
    lock = lock_stack(stack, environ=environ, heritage=heritage, directory=path.parent)
    _check_protected(stack, lock, path)
    if save:
        save_lock(lock, place)
    return lock, heritage


def _check_protected(stack: Stack, lock: Lock, path: Path) -> None:
    names = {package.name for package in lock.packages}
    names |= {one.name for package in lock.conda for one in package.provides}
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
