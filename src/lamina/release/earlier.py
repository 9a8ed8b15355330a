"""The releases of a root whose files another one, built with the same Python, may share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core.errors import LaminaError
from lamina.model.digests import digest_of_bytes
from lamina.release.guard import another_owner
from lamina.release.mtree import MTREE_NAME, parse_listing, read_listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.release.manifest import Manifest, ManifestPython
    from lamina.release.mtree import Entry
    from lamina.release.root import Release, Root

_MOST = 4
_LOOKED_AT = 16
"""Manifests, where those of many stacks lie in one root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A release and what is recorded of its files."""

    release: Release
    manifest: Manifest
    _listing: list[Mapping[str, Entry]] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """Where it is."""
        return str(self.release.prefix)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Every file by its path; empty where the listing is not the one that was published."""
        if not self._listing:
            self._listing.append(_entries(self))
        return self._listing[0]


def _entries(earlier: Earlier) -> Mapping[str, Entry]:
    path = earlier.release.internal / MTREE_NAME
    try:
        data = read_listing(path)
        if digest_of_bytes(data) != earlier.manifest.files_digest:
            return {}
        return parse_listing(data, path)
    except LaminaError:
        return {}  # As above: then nothing is shared with it.


def earlier_releases(
    root: Root, release: Release, python: ManifestPython, *, itself: bool = False
) -> tuple[Earlier, ...]:
    """Return a few releases for the same platform with the same interpreter, best first.

    Those by this account come before others, then those of the same stack, the newest first.
    ``itself``: with them the release itself, which is there already.
    """
    found: list[Earlier] = []
    for looked_at, one in enumerate(_candidates(root, release, itself=itself)):
        if len(found) == _MOST or looked_at == _LOOKED_AT:
            break
        try:
            manifest = one.manifest()
        except LaminaError:
            continue  # Damaged: nothing of it is good for another. `release verify --all` tells.
        if same_python(manifest.python, python):
            found.append(Earlier(release=one, manifest=manifest))
    # The system lets nobody link to files of others (proc_sys_fs(5), protected_hardlinks).
    return tuple(sorted(found, key=lambda one: bool(another_owner(one.release.prefix))))


def same_python(one: ManifestPython, other: ManifestPython) -> bool:
    """Tell whether what two releases were made with is the same; of copies, wherever it was."""
    place = {"interpreter"} if one.bundled else set()
    return one.model_dump(exclude=place) == other.model_dump(exclude=place)


def _candidates(root: Root, release: Release, *, itself: bool) -> Iterator[Release]:
    if itself:
        yield release
    for stack in (release.stack, *(one for one in root.stacks() if one != release.stack)):
        here = [one for one in root.releases(stack) if one.platform is release.platform]
        newest = [one for one in reversed(here) if one.prefix != release.prefix]
        yield from newest if stack == release.stack else newest[:2]
