"""Which file is in which layer of an image, so that the next release sends little anew.

Layers are shared where they are the same, to the byte. What names the release's own path (scripts,
byte code, its documents) never is, so it is all in the last layer. Of the rest, the interpreter is
one layer, each large package one, and what is left one; with an earlier release to go by, what is
the same in both has a layer of its own. All this follows from the releases alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.export.clobber import claims
from lamina.export.release_cargo import BUNDLE_NAME
from lamina.release.root import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.export.cargo import Cargo, Survey
    from lamina.release.mtree import Entry

LARGE = 8_000_000
"""Bytes from which on a package has a layer of its own."""
_OWN = ("/encodings/__init__.py", ".dist-info/direct_url.json", ".dist-info/uv_cache.json")
"""What is written into a release: the start of its index, and where packages came from."""
MOST_LARGE = 24
"""Layers of packages: an image may have 127 in all (overlayfs), bases have up to 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What goes into one layer."""

    title: str
    paths: tuple[str, ...]


def groups_of(
    cargo: Cargo, prefix: Path, seen: Survey, like: Mapping[str, Entry] | None = None
) -> list[Group]:
    """Return the layers of a release, what changes least first; the last is always there.

    ``like``: the listing of an earlier release.
    """
    owners = {path: package for path, package, _ in claims(prefix)}
    shared: dict[str, list[str]] = defaultdict(list)
    for path in sorted(cargo.entries):
        if owner := _owner(path, cargo.entries[path], owners, seen):
            shared[owner].append(path)
    interpreter = [
        path
        for name in list(shared)
        if name == BUNDLE_NAME or name.startswith("python-3.")
        for path in shared.pop(name)
    ]
    large = _large(cargo, shared)
    groups = [("interpreter", interpreter), *((name, shared.pop(name)) for name in large)]
    if like is not None:
        same = [name for name in shared if all(_same(cargo, path, like) for path in shared[name])]
        groups.append(("packages as before", [path for name in same for path in shared.pop(name)]))
    groups.append(("packages", [path for paths in shared.values() for path in paths]))
    taken = {path for _, paths in groups for path in paths}
    groups.append(("release", [path for path in cargo.entries if path not in taken]))
    return [
        Group(title=title, paths=tuple(sorted(paths)))
        for title, paths in groups
        if paths or title == "release"
    ]


def _owner(path: str, entry: Entry, owners: Mapping[str, str], seen: Survey) -> str | None:
    """Return the package of a file that is the same wherever it is; None for any other."""
    if entry.kind != "file" or not entry.sha256 or path in seen.named:
        return None
    if path.endswith((".pyc", *_OWN)) or path.startswith(f"{INTERNAL}/"):
        return None
    if path.startswith(f"{BUNDLE_NAME}/"):
        return BUNDLE_NAME
    return owners.get(path)


def _large(cargo: Cargo, shared: Mapping[str, list[str]]) -> list[str]:
    sizes = {name: sum(cargo.entries[one].size for one in paths) for name, paths in shared.items()}
    found = [name for name, size in sizes.items() if size >= LARGE]
    return sorted(sorted(found, key=lambda one: (-sizes[one], one))[:MOST_LARGE])


def _same(cargo: Cargo, path: str, like: Mapping[str, Entry]) -> bool:
    other, own = like.get(path), cargo.entries[path]
    return other is not None and (other.sha256, other.mode) == (own.sha256, own.mode)
