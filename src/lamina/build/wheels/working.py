"""The directories that builds work in: one a package, held by whoever builds it."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import InterruptedByUserError, StorageError
from lamina.core.hold import hold
from lamina.core.leftovers import clear_away, remove_leftover
from lamina.core.run import is_stopping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAUSE_SECONDS = 0.2


@contextmanager
def working(directory: Path, name: str) -> Iterator[Path]:
    """Have the directory of a package's build for oneself, and take it away afterwards.

    Waits for another lamina that builds the same. Raises StorageError.
    """
    fs.make_directory(directory)
    with _turn(directory, name):
        work = directory / name
        clear_away(work)
        fs.make_directory(work)
        try:
            yield work
        finally:
            clear_away(work)


@contextmanager
def _turn(directory: Path, name: str) -> Iterator[None]:
    said = False
    while True:
        with hold(_lock(directory, name), f"process {os.getpid()}") as other:
            if other is None:
                yield
                return
        if not said:
            report.note(f"{name}: is being built by {other.owner} on {other.host}; waiting for it")
            said = True
        time.sleep(_PAUSE_SECONDS)
        if is_stopping():
            raise InterruptedByUserError(f"{name}: interrupted while waiting for {other.owner}")


def sweep(directory: Path) -> None:
    """Remove what builds that were killed left; what another lamina works in stays."""
    if not directory.is_dir():
        return
    for path in sorted(one for one in directory.iterdir() if one.is_dir()):
        with suppress(StorageError):  # Another account's, or gone meanwhile: no reason to stop.
            if path.name.startswith("."):
                remove_leftover(path)
                continue
            with hold(_lock(directory, path.name), f"process {os.getpid()}") as other:
                if other is None:
                    clear_away(path)


def _lock(directory: Path, name: str) -> Path:
    return directory / f"{name}.lock"
