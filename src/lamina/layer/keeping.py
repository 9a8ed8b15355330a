"""What was found out of distributions, kept as long as each of them is the same."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core import fs
from lamina.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lamina.engines.probe import Distribution

_SCHEMA = 1


def found_out(
    distributions: Iterable[Distribution],
    cache: Path | None,
    find_out: Callable[[Distribution], Any],
) -> list[tuple[Distribution, Any]]:
    """Return distributions with what ``find_out`` says of them, a JSON value.

    ``cache`` is a directory in which one file a location is kept; None: nothing is kept. A
    distribution counts as unchanged while its metadata directory and RECORD are.
    """
    by_location: dict[str, list[Distribution]] = {}
    for one in distributions:
        by_location.setdefault(one.location, []).append(one)
    found = []
    for location, members in by_location.items():
        place = cache / f"{_key(location)}.json" if cache is not None else None
        kept = _load(place)
        entries = {_name(one): _entry(one, kept, find_out) for one in members}
        if place is not None and any(kept.get(name) != one for name, one in entries.items()):
            still = {name: kept[name] for name in kept if (Path(location) / name).exists()}
            _keep(place, still | entries)
        found += [(one, entries[_name(one)]["found"]) for one in members]
    return found


def _entry(
    one: Distribution, kept: dict[str, Any], find_out: Callable[[Distribution], Any]
) -> dict[str, Any]:
    identity = _identity(one)
    entry = kept.get(_name(one))
    if isinstance(entry, dict) and entry.get("identity") == identity and "found" in entry:
        return entry
    return {"identity": identity, "found": find_out(one)}


def _name(one: Distribution) -> str:
    """Return the entry of its location that stands for a distribution."""
    return one.metadata or one.modules[0]


def _identity(one: Distribution) -> list[int]:
    """Return what changes when a distribution is installed again.

    Of a module without metadata that is its directory, or the one that it is in.
    """
    metadata = os.path.join(one.location, _name(one))  # noqa: PTH118
    if not one.metadata and not os.path.isdir(metadata):  # noqa: PTH112
        metadata = one.location
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
