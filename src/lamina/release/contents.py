"""What is in a release, package by package, as its own metadata tell: bytes, licences, programs."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.engines.conda_prefix import read_prefix
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.names import PackageName
from lamina.model.platforms import Target
from lamina.release.licences import UNKNOWN, home_page_of, licence_of, read_metadata
from lamina.release.mtree import MTREE_NAME, parse_listing, read_listing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.engines.conda_prefix import InstalledPackage
    from lamina.lock.conda import LockedConda
    from lamina.lock.document import LockedPackage
    from lamina.release.manifest import Manifest
    from lamina.release.mtree import Entry
    from lamina.release.root import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One installed package."""

    name: PackageName
    version: str
    size: int
    """Bytes of its files, byte code not counted."""
    licence: str
    """SPDX expression where it gives one, else what it says in few words, else ``unknown``."""
    home_page: str | None
    """The address that it names itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A release with what is in it."""

    release: Release
    manifest: Manifest
    packages: Mapping[PackageName, Content]
    locked: Mapping[PackageName, LockedPackage]
    """What the lock says of each for this release's target."""
    conda: tuple[LockedConda, ...]
    """The conda packages, as the lock has them."""
    programs: frozenset[str]
    """Names in bin/."""
    entries: Mapping[str, Entry]
    """Its files, links and directories, as published."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.entries.values())


def read_contents(release: Release) -> Contents:
    """Read what a release holds; raises DocumentError when a part of it cannot be read."""
    manifest = release.manifest()
    lock = load_lock(release.internal / LOCK_NAME)
    listing = release.internal / MTREE_NAME
    entries = parse_listing(read_listing(listing), listing)
    target = Target(release.platform, manifest.python.series)
    return Contents(
        release=release,
        manifest=manifest,
        packages={one.name: one for one in _everything(release.prefix)},
        locked={one.name: one for one in lock.packages_for(target)},
        conda=tuple(lock.conda_for(target)),
        programs=frozenset(
            path.removeprefix("bin/")
            for path, one in entries.items()
            if path.startswith("bin/") and one.kind != "dir" and path.count("/") == 1
        ),
        entries=entries,
    )


def _everything(prefix: Path) -> list[Content]:
    """Return the packages in a prefix, those of conda that are no distribution as well."""
    installed = read_installed(prefix)
    known = {one.name for one in installed}
    conda = [_conda_content(prefix, one) for one in read_prefix(prefix)]
    return [*installed, *(one for one in conda if one.name not in known)]


def _conda_content(prefix: Path, package: InstalledPackage) -> Content:
    files = [prefix / one.path for one in package.files if not one.path.endswith(".pyc")]
    return Content(
        name=PackageName(package.record.name),
        version=package.record.version,
        size=sum(one.lstat().st_size for one in files if one.is_file()),
        licence=package.record.license or UNKNOWN,
        home_page=None,
    )


def read_installed(prefix: Path) -> list[Content]:
    """Return the packages in a prefix, by the names of their metadata."""
    found = []
    for directory in sorted(prefix.glob("lib/python3*/site-packages/*.dist-info")):
        name, _, version = directory.name.removesuffix(".dist-info").partition("-")
        told = read_metadata(directory / "METADATA")
        found.append(
            Content(
                name=canonicalize_name(name),
                version=version,
                size=_size(directory / "RECORD"),
                licence=licence_of(told),
                home_page=home_page_of(told),
            )
        )
    return found


def licences_of(release: Release, manifest: Manifest) -> dict[PackageName, str]:
    """Return the licence of each package: as recorded, or, in a release of old, as it says now."""
    recorded: dict[PackageName, str | None]
    recorded = {PackageName(one.name): one.licence for one in manifest.files}
    said: dict[PackageName, str] = {}
    if None in recorded.values():
        said = {one.name: one.licence for one in read_installed(release.prefix)}
    return {name: one or said.get(name, UNKNOWN) for name, one in recorded.items()}


def _size(record: Path) -> int:
    """Return the bytes that a RECORD lists; 0 where it lists none, as it need not."""
    try:
        with record.open(encoding="utf-8", newline="") as stream:
            return sum(int(row[2]) for row in csv.reader(stream) if len(row) > 2 and row[2])
    except (OSError, ValueError):
        return 0
