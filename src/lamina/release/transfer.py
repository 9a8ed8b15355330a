"""Write a staged release over one that it is much like: only what differs, and in place.

For file systems that cannot rename what is there. Whether two files are the same is known from the
listings of both releases; what is there otherwise is removed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import DocumentError, IntegrityError
from lamina.release.mtree import MTREE_NAME, OUTSIDE, Entry, parse_listing, read_listing
from lamina.release.root import CATALOG_NAME, INTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

CATALOG_ENTRIES = 200_000
"""What one catalog may hold: CVMFS refuses 500,000 in a nested one, and warns long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What has to be done at the place of a release, each path relative to it."""

    remove: tuple[str, ...]
    """Files, links and whole directories."""
    write: tuple[str, ...]
    """Each after the directory that it is in."""
    modes: tuple[str, ...]
    """Directories of which nothing else changes."""


def plan_transfer(
    wanted: Mapping[str, Entry], known: Mapping[str, Entry], there: Mapping[str, bool]
) -> Transfer:
    """Return what makes a tree the wanted one.

    ``known``: what its files were when they were listed. ``there``: each path that it has now, and
    whether that is a directory.
    """
    gone: set[str] = set()
    for path, is_directory in sorted(there.items()):
        entry = wanted.get(path)
        stays = entry is not None and (entry.kind == "dir") is is_directory
        if not stays and not any(one in gone for one in _above(path)):
            gone.add(path)
    write, modes = [], []
    for path, entry in sorted(wanted.items()):
        kept = path in there and path not in gone
        if entry.kind == "dir" and kept:
            if known.get(path) != entry:
                modes.append(path)
        elif not kept or known.get(path) != entry or path in OUTSIDE:
            write.append(path)
    return Transfer(remove=tuple(sorted(gone)), write=tuple(write), modes=tuple(modes))


def _above(path: str) -> Iterator[str]:
    """Yield the directories that a path is in."""
    while path := path.rpartition("/")[0]:
        yield path


def plan_catalogs(entries: Mapping[str, Entry], *, limit: int = CATALOG_ENTRIES) -> tuple[str, ...]:
    """Return the directories that get a catalog of their own; "" is the release itself.

    Where more than ``limit`` entries would be in one, the largest directories below it get theirs.
    """
    weights: dict[str, int] = {"": 1}
    children: dict[str, list[str]] = {"": []}
    for path, entry in sorted(entries.items()):
        parent = path.rpartition("/")[0]
        if entry.kind == "dir":
            weights[path], children[path] = 1, []
            children.setdefault(parent, []).append(path)
        else:
            weights[parent] = weights.get(parent, 1) + 1
    chosen = [""]
    for path in sorted(weights, key=lambda one: (-one.count("/"), one == "", one)):
        below = sorted(children.get(path, []), key=lambda one: weights[one])
        total = weights[path] + sum(weights[one] for one in below)
        while total > limit and below:
            heaviest = below.pop()
            chosen.append(heaviest)
            total -= weights[heaviest]
        weights[path] = total
    return tuple(sorted(chosen))


def transfer(stage: Path, prefix: Path, *, distrusted: Iterable[str] = ()) -> None:
    """Make ``prefix`` what ``stage`` is; it may be there already, as another release.

    ``distrusted``: paths at which its listing is wrong. Raises StorageError, and DocumentError
    for a stage that is not sealed.
    """
    wanted = listed(stage)
    try:
        known = listed(prefix)
    except (DocumentError, IntegrityError):
        known = {}
    for path in distrusted:
        known.pop(path, None)
    catalogs = {f"{one}/{CATALOG_NAME}".lstrip("/") for one in plan_catalogs(wanted)}
    there = _present(prefix)
    plan = plan_transfer(_with_outside(stage, wanted), known, _without(there, catalogs))
    fs.make_directory(prefix, readable=True)
    tree = _Tree(stage=stage, prefix=prefix, wanted=wanted)
    for path in plan.remove:
        tree.remove(path)
    for path in plan.write:
        tree.write(path)
    for path in sorted(catalogs - there.keys()):
        tree.open(path)
        fs.write_text(prefix / path, "", mode=0o444, durable=False)
    tree.close(plan.modes)


def listed(top: Path) -> dict[str, Entry]:
    """Return what a release has by its own listing; raises DocumentError."""
    listing = top / INTERNAL / MTREE_NAME
    return parse_listing(read_listing(listing), listing)


def _with_outside(stage: Path, listed: Mapping[str, Entry]) -> dict[str, Entry]:
    """Add what describes the release and is not listed in it."""
    outside = [path for path in OUTSIDE if (stage / path).exists()]
    return {**listed, **{path: Entry(kind="file") for path in outside}}


def _without(there: Mapping[str, bool], paths: set[str]) -> dict[str, bool]:
    return {path: one for path, one in there.items() if path not in paths}


def _present(top: Path) -> dict[str, bool]:
    """Return each path below a directory and whether it is a directory itself."""
    base = os.fspath(top)
    found: dict[str, bool] = {}
    for directory, directories, files in os.walk(base):
        inside = directory[len(base) + 1 :]
        for name in (*directories, *files):
            path = f"{inside}/{name}" if inside else name
            found[path] = name in directories and not (top / path).is_symlink()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """A tree that is being changed: read-only directories are open while it is."""

    stage: Path
    prefix: Path
    wanted: Mapping[str, Entry]
    opened: set[str] = field(default_factory=set)

    def open(self, path: str) -> None:
        """Make the directory that a path is in one that can be written to."""
        parent = path.rpartition("/")[0]
        if parent not in self.opened:
            fs.set_mode(self.prefix / parent, 0o755)
            self.opened.add(parent)

    def remove(self, path: str) -> None:
        self.open(path)
        fs.remove_tree(self.prefix / path)

    def write(self, path: str) -> None:
        self.open(path)
        source, target = self.stage / path, self.prefix / path
        entry = self.wanted.get(path)
        if entry is not None and entry.kind == "dir":
            fs.make_directory(target)
            self.opened.add(path)
        elif entry is not None and entry.kind == "link":
            fs.symlink(target, entry.target)
        else:
            fs.remove_file(target)
            fs.copy_file(source, target)

    def close(self, others: tuple[str, ...]) -> None:
        """Give every directory that was opened, and others, the mode that it should have."""
        for path in sorted({*self.opened, *others}, reverse=True):
            entry = self.wanted.get(path)
            fs.set_mode(self.prefix / path, 0o555 if entry is None else entry.mode)
