"""Processes that are not to be there any more, found by a word of their command lines."""

from __future__ import annotations

import os
import time
from pathlib import Path


def running(word: str) -> list[str]:
    """Return the command lines of other processes that have a word in them."""
    found = []
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit() or int(directory.name) == os.getpid():
            continue
        try:
            words = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if word in words:
            found.append(words)
    return found


def wait_for(word: str, *, count: int, seconds: float = 60) -> None:
    """Wait until so many processes have a word in their command lines; 0: until none has."""
    deadline = time.monotonic() + seconds
    while (len(found := running(word)) < count) if count else (found := running(word)):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
