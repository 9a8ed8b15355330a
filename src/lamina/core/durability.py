"""What is renamed into place is on disk before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.core.fs import change

if TYPE_CHECKING:
    from pathlib import Path


def flush_tree(path: Path) -> None:
    """Wait until a file, or all files of a tree, are on disk: what is renamed then is whole."""
    with change("sync", path):
        for one in (path, *path.rglob("*")):
            if not one.is_symlink():
                descriptor = os.open(one, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)


def flush_file_system(path: Path) -> None:
    """Wait until everything written to the file system of ``path`` is on disk."""
    with change("sync", path):
        os.sync()
