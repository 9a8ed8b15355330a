"""One publisher at a time in a root, and no remains of those that were killed."""

from __future__ import annotations

import os
import shlex
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import ConflictError
from lamina.core.hold import hold
from lamina.core.leftovers import remove_leftover
from lamina.model.toml import toml_text
from lamina.release.history import Author
from lamina.release.root import INTERNAL, MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from lamina.release.root import Root

GUARD_NAME = ".publisher"


@contextmanager
def only_publisher(root: Root, *, environ: Mapping[str, str], now: datetime) -> Iterator[None]:
    """Hold the root while the enclosed code runs, and sweep it first.

    Raises ConflictError, saying who holds it, when another process does.
    """
    if not root.backend.in_place:
        fs.make_directory(root.scratch)
    with hold(root.scratch / GUARD_NAME, owner_text(environ, now)) as other:
        if other is not None:
            raise ConflictError(
                f"{root.path}: another publisher is at work: {described(other.owner)}",
                hints=["wait for it to finish, then run it again"],
            )
        root.backend.recover()
        for path in sweep(root):
            report.warn(f"{path}: left by {another_owner(path)}, who alone can remove it")
        yield


def owner_text(environ: Mapping[str, str], now: datetime) -> str:
    """Return who runs this program, where and since when, as a lock file holds it."""
    author = Author.of(environ)
    return (
        f"owner = {toml_text(author.user)}\nhost = {toml_text(author.host)}\n"
        f"pid = {os.getpid()}\nsince = {now:%Y-%m-%dT%H:%M:%SZ}\n"
    )


def described(text: str) -> str:
    """Return what a lock file says of who holds it."""
    try:
        told = tomllib.loads(text)
        return f"{told['owner']} on {told['host']}, process {told['pid']}, since {told['since']}"
    except (tomllib.TOMLDecodeError, KeyError):
        return "it has not said who it is yet"


def another_owner(path: Path) -> str:
    """Return whose a path is, where only they can remove what is in it; "" where we can."""
    owner = path.lstat().st_uid
    if os.geteuid() in {0, owner}:
        return ""
    try:
        return path.owner()
    except KeyError:
        return f"user {owner}"


def sweep(root: Root) -> list[Path]:
    """Remove what publishers that were killed left: staged trees and empty final directories.

    Returns what stays, because it is another account's.
    """
    left: list[Path] = []
    if root.staging.is_symlink():
        raise ConflictError(
            f"{root.staging}: is a link, and what is in there would be removed",
            hints=[f"rm {shlex.quote(str(root.staging))}"],
        )
    if root.staging.is_dir():
        for leftover in sorted(root.staging.iterdir()):
            if another_owner(leftover):
                left.append(leftover)
            else:
                remove_leftover(leftover)
    if not root.backend.in_place:
        return left
    for prefix in sorted(root.path.glob("releases/*/*/*")):
        if not (prefix / INTERNAL / MANIFEST_NAME).is_file() and not another_owner(prefix):
            remove_empty(prefix, root)
    return left


def remove_empty(prefix: Path, root: Root) -> None:
    """Remove a final directory that never became a release, and its empty parents."""
    while prefix != root.path / "releases" and fs.remove_empty_directory(prefix):
        prefix = prefix.parent
