"""Roots with releases that have nothing in them, for what is about names and links alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.model.names import StackName
from lamina.model.platforms import Platform, current_platform
from lamina.model.versions import parse_release_version
from lamina.release.history import Author
from lamina.release.root import Root, open_root
from lamina.release.tiers import Change

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lamina.release.root import Release

HEP = StackName("hep")


def root_with(path: Path, *versions: str, platforms: Iterable[Platform] = ()) -> Root:
    """Return a root with releases of the stack ``hep``, for this machine unless told otherwise."""
    root = open_root(path, create=True)
    for version in versions:
        for platform in platforms or (current_platform(),):
            prefix = root.prefix_of(HEP, parse_release_version(version), platform)
            fs.make_directory(prefix / ".lamina")
            fs.write_text(prefix / ".lamina" / "release.toml", version, durable=False)
    return root


def release_of(root: Root, version: str) -> Release:
    """Return a release of the stack ``hep`` for this machine."""
    found = root.release(HEP, parse_release_version(version), current_platform())
    assert found is not None
    return found


class Clock:
    """Changes by one person, a second apart."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)

    def change(self, why: str = "", *, dry_run: bool = False) -> Change:
        """Return the next change."""
        self.now += timedelta(seconds=1)
        author = Author(user="lib", host="node1")
        return Change(author=author, now=self.now, why=why, dry_run=dry_run)
