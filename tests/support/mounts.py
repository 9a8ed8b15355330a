"""File systems in memory: small ones, and ones from which nothing can be started."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """Have a file system at a place, with options such as ``size=1m,noexec``.

    Skips the test where this account may not mount anything.
    """
    with _mounted(place, "-t", "tmpfs", "-o", options, "none"):
        yield


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Have a directory that nobody can write to, root included; skips as ``mounted`` does."""
    with _mounted(place, "--bind", str(place)):
        remount(place, "bind,ro")
        yield


@contextmanager
def _mounted(place: Path, *words: str) -> Iterator[None]:
    mount = ["mount", *words, str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no mounts for this user")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def remount(place: Path, options: str) -> None:
    """Give what is mounted at a place other options."""
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
