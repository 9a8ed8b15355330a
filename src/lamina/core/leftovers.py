"""What processes that were killed left behind: removed, also while an orphan still writes to it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from lamina.core import fs
from lamina.core.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

_ATTEMPTS = 20
_PAUSE_SECONDS = 0.1


def remove_leftover(path: Path) -> None:
    """Remove a tree into which an orphan may still be writing; raises StorageError."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            fs.remove_tree(path)
        except StorageError:
            if os.path.lexists(path):
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE_SECONDS)
                continue
        return


def clear_away(path: Path) -> None:
    """Have nothing at a path from now on, whatever an orphan still writes there.

    What was there is renamed first, to a name that begins with a dot. Raises StorageError.
    """
    if os.path.lexists(path):
        away = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
        fs.rename(path, away)
        remove_leftover(away)
