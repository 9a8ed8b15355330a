"""Caches of uv that hold nothing yet, but for what uv knows of this machine's interpreters."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import uv


def empty_cache(directory: Path) -> str:
    """Make a cache without packages, and return it as ``UV_CACHE_DIR`` wants it.

    With nothing in it uv starts each interpreter that it meets, to ask what it is, which takes
    longer than installing the packages of a test. What it is told is the same for all tests of a
    process: it stands under the interpreter's path, and counts as long as that file stays as it is.
    """
    directory.mkdir(parents=True)
    for known in _known():
        (directory / known.name).symlink_to(known)
    return str(directory)


@functools.cache
def _known() -> tuple[Path, ...]:
    """Return the directories, named by uv, of what it knows of interpreters."""
    top = Path(tempfile.mkdtemp(prefix="lamina-tests-uv-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    words = ("python", "find", "--no-config", "--no-project", "--cache-dir", top, sys.executable)
    subprocess.run([uv.find_uv_bin(), *words], check=True, stdout=subprocess.DEVNULL)
    found = tuple(top.glob("interpreter-*"))
    assert found, f"uv keeps what it knows of interpreters elsewhere now: {list(top.iterdir())}"
    return found
