"""The compiled files of distributions, kept in the cache as long as a distribution is the same."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.core import fs
from lamina.core.errors import StorageError
from lamina.layer.abi.binary import Binary, read_binary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.probe import Distribution
    from lamina.model.names import PackageName

_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A distribution with its compiled files."""

    name: PackageName
    version: str
    location: str
    binaries: tuple[Binary, ...]

    @property
    def offers(self) -> frozenset[str]:
        """The file names under which others may load its libraries."""
        return frozenset(one.name for one in self.binaries)


def scan_distributions(
    distributions: Iterable[Distribution], cache: Path | None
) -> dict[PackageName, Scan]:
    """Return the compiled files of each distribution that has any.

    ``cache`` is a directory in which one file a location is kept; None: nothing is kept. A
    distribution counts as unchanged while its metadata directory and RECORD are.
    """
    by_location: dict[str, list[Distribution]] = {}
    for one in distributions:
        by_location.setdefault(one.location, []).append(one)
    found: dict[PackageName, Scan] = {}
    for location, members in by_location.items():
        for scan in _scan_location(location, members, cache):
            found.setdefault(scan.name, scan)
    return found


def _scan_location(location: str, members: list[Distribution], cache: Path | None) -> list[Scan]:
    place = cache / f"{_key(location)}.json" if cache is not None else None
    kept = _load(place)
    fresh = {one.metadata: _identity(one) for one in members}
    entries: dict[str, dict[str, Any]] = {
        one.metadata: kept[one.metadata]
        if kept.get(one.metadata, {}).get("identity") == fresh[one.metadata]
        else {"identity": fresh[one.metadata], "binaries": _binaries(one)}
        for one in members
    }
    if place is not None and entries != kept:
        _keep(place, entries)
    return [
        Scan(
            name=canonicalize_name(one.key),
            version=one.version,
            location=location,
            binaries=tuple(_binary(item) for item in entries[one.metadata]["binaries"]),
        )
        for one in members
        if entries[one.metadata]["binaries"]
    ]


def _binary(item: Mapping[str, Any]) -> Binary:
    values = {one.name: item[one.name] for one in fields(Binary)}
    return Binary(**values | {key: tuple(values[key]) for key in ("needs", "search", "symbols")})


def _binaries(one: Distribution) -> list[dict[str, Any]]:
    location = Path(one.location)
    found = (read_binary(location, path) for path in sorted(compiled_files(one)))
    # As JSON has them, so that what is fresh compares equal to what was kept.
    return [json.loads(json.dumps(asdict(binary))) for binary in found if binary is not None]


def compiled_files(one: Distribution) -> set[str]:
    """Return the paths, below its location, of what may be compiled code of a distribution."""
    return {
        path
        for path in recorded_paths(one)
        if ".so" in path.rpartition("/")[2] and not path.startswith(("../", "/"))
    }


def recorded_paths(one: Distribution) -> list[str]:
    """Return the paths of a distribution's files, by RECORD or by what an egg has instead."""
    metadata = Path(one.location) / one.metadata
    try:
        with (metadata / "RECORD").open(encoding="utf-8", newline="", errors="replace") as stream:
            return [row[0] for row in csv.reader(stream) if row]
    except OSError:
        pass
    try:
        lines = (metadata / "installed-files.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        return _below_tops(one, metadata)
    return [os.path.normpath(f"{one.metadata}/{line}") for line in lines if line]


def _below_tops(one: Distribution, metadata: Path) -> list[str]:
    """Return the files below the top-level names; nothing says more."""
    try:
        tops = (metadata / "top_level.txt").read_text(encoding="utf-8").split()
    except OSError:
        return []
    location = Path(one.location)
    below = (path for top in tops for path in (location / top).rglob("*") if path.is_file())
    beside = (path for top in tops for path in location.glob(f"{top}.*") if path.is_file())
    return [str(path.relative_to(location)) for path in (*below, *beside)]


def _identity(one: Distribution) -> list[int]:
    """Return what changes when a distribution is installed again."""
    metadata = os.path.join(one.location, one.metadata)  # noqa: PTH118
    found: list[int] = []
    for path in (metadata, f"{metadata}/RECORD"):
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            found += [0, 0]
        else:
            found += [status.st_mtime_ns, status.st_size]
    return found


def _key(location: str) -> str:
    return hashlib.sha256(location.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _load(place: Path | None) -> dict[str, Any]:
    if place is None:
        return {}
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        return dict(kept["distributions"]) if kept["schema"] == _SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _keep(place: Path, entries: dict[str, Any]) -> None:
    try:
        fs.make_directory(place.parent)
        fs.write_text(place, json.dumps({"schema": _SCHEMA, "distributions": entries}))
    except StorageError:
        return  # A cache that cannot be written costs time, nothing else.
