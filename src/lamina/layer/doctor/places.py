"""Where a path belongs."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(entry: str) -> str:
    """Return a path as the interpreter spells it, links kept."""
    return os.path.abspath(entry)  # noqa: PTH100


def inside(path: str | Path, directory: str | Path) -> bool:
    """Tell whether a path is, or leads, into a directory."""
    if Path(path).is_relative_to(directory):
        return True
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def environment_of(path: str | Path) -> Path | None:
    """Return the prefix that a site-packages directory, or something in it, belongs to."""
    parts = Path(path).parts
    for name in ("site-packages", "dist-packages"):
        if name in parts:
            top = Path(*parts[: parts.index(name)])
            return top.parent.parent if top.name.startswith("python") else top.parent
    return None
