"""What file systems give: space that a tree gives back, what is free, whether programs start."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from lamina.core.errors import NotSupportedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_BLOCK = 512
"""Bytes that st_blocks counts in, whatever the file system's own blocks are (stat(2))."""


def freed_by(trees: Sequence[Path]) -> list[int]:
    """Return how many bytes of disk each tree gives back when they are removed in this order.

    A file with other names gives something back with the last of them. What is shared as clones
    counts as if it were not: file systems do not tell.
    """
    gone: Counter[tuple[int, int]] = Counter()
    return [sum(_given_back(_statuses(tree), gone)) for tree in trees]


def _given_back(
    statuses: Iterable[os.stat_result], gone: Counter[tuple[int, int]]
) -> Iterator[int]:
    for status in statuses:
        file = (status.st_dev, status.st_ino)
        gone[file] += 1
        if gone[file] == status.st_nlink:
            yield status.st_blocks * _BLOCK


def _statuses(tree: Path) -> Iterator[os.stat_result]:
    """Yield what the system says of each file; of one that vanishes, nothing."""
    for directory, _, files in os.walk(tree):
        for name in files:
            try:
                yield os.lstat(f"{directory}/{name}")
            except FileNotFoundError:
                continue


def require_space(directory: Path, needed: int, *, what: str) -> None:
    """Raise StorageError unless a file system has room for so many bytes, for this user.

    ``what`` is to be written. It may still run out: others write as well.
    """
    there = next(one for one in (directory, *directory.parents) if one.exists())
    status = os.statvfs(there)
    free = status.f_bavail * status.f_frsize
    if status.f_blocks and free < needed:
        raise StorageError(
            f"{directory}: {what} needs {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free",
            hints=["free space on that file system, or choose another directory"],
        )


def require_exec(directory: Path) -> None:
    """Raise NotSupportedError where no program can be started, as far as the system tells."""
    there = next(one for one in (directory, *directory.parents) if one.exists())
    if os.statvfs(there).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise NotSupportedError(
            f"{directory}: programs cannot be started there (a file system without exec)",
            hints=["choose another directory"],
        )
