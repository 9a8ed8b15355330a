"""Reports about releases, kept in the root: what is inside of a release is never changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lamina.core import fs
from lamina.release.guard import only_publisher

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from lamina.release.root import Release, Root


def _path(root: Root, release: Release) -> Path:
    return root.path / "reports" / release.stack / release.version / f"{release.platform}.json"


def keep_report(
    root: Root,
    release: Release,
    value: Mapping[str, Any],
    *,
    environ: Mapping[str, str],
    now: datetime,
) -> None:
    """Keep the JSON value of a report in place of the one before it.

    Raises ConflictError while somebody else changes the root, StorageError.
    """
    path = _path(root, release)
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    with (
        only_publisher(root, environ=environ, now=now),
        root.backend.writing(f"report of {release.name}"),
    ):
        for directory in (path.parents[2], path.parents[1], path.parent):
            if not directory.is_dir():
                fs.make_directory(directory, readable=True)
        fs.write_text(path, text, mode=fs.shared_mode(path.parent))


def kept_report(root: Root, release: Release) -> dict[str, Any] | None:
    """Return the last report about a release; None where there is none that can be read."""
    try:
        value = json.loads(_path(root, release).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # It is made again by whoever wants it; the release does not depend on it.
    return value if isinstance(value, dict) else None


def drop_report(root: Root, release: Release) -> None:
    """Remove the report about a release that goes; what holds the root is the caller's."""
    path = _path(root, release)
    fs.remove_file(path)
    for directory in path.parents[:2]:
        if not fs.remove_empty_directory(directory):
            break
