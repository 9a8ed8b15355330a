"""Lock files: one process at a time, also where several hosts share a directory.

The lock is the operating system's (flock(2)), so it ends with its process however that ends. Not
every file system tells other hosts of it; so the holder also writes down who and where it is, and
touches the file every few seconds. What is left by another host is taken for dead once it has been
seen to stand still: no clock is compared with another one.
"""

from __future__ import annotations

import os
import platform
import stat
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

BEAT_SECONDS = 5.0
"""How often a holder gives a sign of life."""
WATCHED_BEATS = 4
"""So many without a sign, and a holder on another host is dead."""
_LONGEST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock."""

    owner: str
    """What it said of itself, empty where it has not done so yet."""
    host: str
    kernel: str
    """What tells a running system from others, also of the same name: locks reach as far."""


@contextmanager
def hold(path: Path, owner: str) -> Iterator[Holder | None]:
    """Hold a lock file while the enclosed code runs, with ``owner`` written into it.

    Yields None when the lock is ours, otherwise who holds it. Whoever may write to the directory
    may hold it. Raises StorageError.
    """
    descriptor = _open(path)
    try:
        if not _locked(descriptor, path):
            yield _read(descriptor) or Holder(owner="", host="", kernel="")
            return
        left = _read(descriptor)
        if left is not None and left.kernel != _kernel():
            if _beats(path):
                yield left
                return
            report.warn(f"{path}: taken over from {left.host}, which has gone silent")
        with fs.change("write", path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{platform.node()} {_kernel()}\n{owner}".encode(), 0)
        try:
            with _beating(descriptor):
                yield None
        finally:
            # What stays is taken for that of somebody who died.
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    # Not through a link: the content is replaced.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with fs.change("lock", path):
        descriptor = os.open(path, flags, 0o644)
    status = os.fstat(descriptor)
    shared = fs.shared_mode(path.parent)
    if status.st_uid == os.geteuid() and shared & ~status.st_mode:
        # Where modes cannot be set, only its owner can hold it: no reason to stop that one.
        with suppress(OSError):
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) | shared)
    return descriptor


def _locked(descriptor: int, path: Path) -> bool:
    import fcntl

    try:
        with fs.change("flock", path):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except StorageError as error:
        if isinstance(error.__cause__, BlockingIOError):
            return False
        raise
    return True


def _read(descriptor: int) -> Holder | None:
    """Return who is written down; None where nobody is."""
    text = os.pread(descriptor, _LONGEST, 0).decode("utf-8", "replace")
    head, _, owner = text.partition("\n")
    host, _, kernel = head.partition(" ")
    return Holder(owner=owner, host=host, kernel=kernel) if text else None


def _kernel() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()


def _beats(path: Path) -> bool:
    """Watch a lock for a while, and tell whether its holder gave a sign of life."""
    first = _sign(path)
    for _ in range(WATCHED_BEATS):
        time.sleep(BEAT_SECONDS)
        if _sign(path) != first:
            return True
    return False


def _sign(path: Path) -> tuple[int, int]:
    """Return what changes with each beat; opened anew, so that network file systems ask."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        return status.st_mtime_ns, status.st_size
    finally:
        os.close(descriptor)


@contextmanager
def _beating(descriptor: int) -> Iterator[None]:
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            # A file system that is away for a moment costs one sign, and not the work.
            with suppress(OSError):
                os.utime(descriptor)

    thread = threading.Thread(target=beat, name="lock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
