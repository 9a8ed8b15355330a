"""Directories to work in, removed at the end with all that is in them."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def scratch_directory(prefix: str, directory: Path | None = None) -> Iterator[Path]:
    """Let the enclosed code use a new directory; what it makes read-only goes as well.

    ``directory``: where it is; None: where temporary files are. tempfile's own fails at links that
    lead nowhere, in directories that are read-only (CPython issue 91133, up to 3.11.7 and 3.12.0).
    """
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=directory))
    try:
        yield path
    finally:
        fs.remove_tree(path)
