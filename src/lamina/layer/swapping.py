"""Put what was built in the place of a layer, and the layer away under a name of its own."""

from __future__ import annotations

import errno
import os
import shlex
from itertools import count
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import StorageError
from lamina.layer.building import finish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
"""What rename(2) says of a name that is in use."""


def free_names(wanted: Path) -> Iterator[Path]:
    """Yield names that nothing has: the one wanted, then numbered ones."""
    for number in count(1):
        name = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if not os.path.lexists(name):
            yield name


def swap(stage: Path, place: Path, wanted: Path | None) -> Path | None:
    """Put a built stage in its place, and return where what was there is kept.

    That is the name wanted, or the next free one; without one, it is removed. On any failure what
    was in the place is there again, and in the stage what was built.
    """
    fs.exchange(place, stage)
    kept = None
    try:
        for kept in free_names(wanted) if wanted is not None else ():
            if _moved(stage, kept):
                break
        # Last: until then the mark says which of the two is the new one.
        finish(place)
    except BaseException:
        _swap_back(stage, place, kept)
        raise
    if wanted is None:
        _discard(stage)
    return kept


def _moved(stage: Path, kept: Path) -> bool:
    """Move to a name; False when somebody has taken that meanwhile."""
    try:
        fs.rename(stage, kept)
    except StorageError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _TAKEN:
            return False
        raise
    return True


def _swap_back(stage: Path, place: Path, kept: Path | None) -> None:
    """Put back what was in the place; where that fails too, say where it is."""
    old = stage if kept is None or os.path.lexists(stage) else kept
    try:
        fs.exchange(place, old)
    except StorageError as error:
        here, there = shlex.quote(str(old)), shlex.quote(str(place))
        report.warn(
            f"{place} could not be put back ({error.message}): as it was before, it is {old} "
            f"(rm -r {there} && mv {here} {there})"
        )
        return
    if old != stage:
        fs.rename(old, stage)


def _discard(old: Path) -> None:
    """Remove what was in the place; the new one is there, so that this fails is no failure."""
    try:
        fs.remove_tree(old)
    except StorageError as error:
        report.warn(f"the old layer could not be removed: {error.message} (it is {old})")
