"""Changes of the file system that fail: each of them once, one run after the other."""

from __future__ import annotations

import errno
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lamina.core import fs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class InjectedError(BaseException):
    """Stands for whatever stops a program, and looks like an interrupt to what catches errors."""


def interrupt(operation: str, path: Path) -> None:
    """Stop the program at a change."""
    raise InjectedError(operation, path)


def full_disk(operation: str, path: Path) -> None:
    """Refuse a change for want of space."""
    raise fs.storage_error(OSError(errno.ENOSPC, operation), path)


@contextmanager
def failing_at(number: int, fail: Callable[[str, Path], None] = interrupt) -> Iterator[list[str]]:
    """Let the n-th change of the enclosed code fail, counted from 1; yield all that are tried.

    With fewer changes than that, nothing fails: the code was stopped at each of them.
    """
    tried: list[str] = []
    numbers = itertools.count(1)

    def observer(operation: str, path: Path) -> None:
        tried.append(operation)
        if next(numbers) == number:
            fail(operation, path)

    with fs.observe(observer):
        yield tried
