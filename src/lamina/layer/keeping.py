"""What was found out of distributions, kept as long as each of them is the same.

A release brings the answers with it, written when it was published: whoever is the first to change
a layer on it waits for nothing, and nothing is written. Of other bases they are kept in the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core import fs
from lamina.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lamina.engines.probe import Distribution

_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something to find out of a distribution."""

    name: str
    version: int
    """Raised when the answers have another form or meaning: older ones do not count then."""
    find_out: Callable[[Distribution], Any]
    """Returns a JSON value."""

    @property
    def file(self) -> str:
        """The file of a release's ``.lamina`` that has the answers."""
        return f"{self.name}.json"


def found_out(
    distributions: Iterable[Distribution], cache: Path | None, question: Question
) -> list[tuple[Distribution, Any]]:
    """Return distributions with the answer to a question.

    ``cache`` is a directory in which one file a location is kept; None: nothing is kept. There, a
    distribution counts as unchanged while its metadata directory and RECORD are. The answers that
    a release brings count for the distributions whose RECORD has the content that it had then.
    """
    by_location: dict[str, list[Distribution]] = {}
    for one in distributions:
        by_location.setdefault(one.location, []).append(one)
    found = []
    for location, members in by_location.items():
        told = _told(location, question)
        answers = {_name(one): told[_name(one)] for one in members if _is_told(one, told)}
        others = [one for one in members if _name(one) not in answers]
        place = cache / f"{_key(location)}.json" if cache is not None else None
        kept = _load(place, question) if others else {}
        entries = {_name(one): _entry(one, kept, question.find_out) for one in others}
        if place is not None and any(kept.get(name) != one for name, one in entries.items()):
            still = {name: kept[name] for name in kept if (Path(location) / name).exists()}
            _keep(place, still | entries, question)
        answers |= entries
        found += [(one, answers[_name(one)]["found"]) for one in members]
    return found


def answers_text(distributions: Iterable[Distribution], question: Question) -> str:
    """Return the text of the file with which a release answers a question."""
    told = {
        _name(one): {"record": record, "found": question.find_out(one)}
        for one in distributions
        if (record := _record_digest(one)) is not None
    }
    return json.dumps(_document(told, question), sort_keys=True) + "\n"


def _told(location: str, question: Question) -> dict[str, Any]:
    """Return what the release says that has a location as its site-packages."""
    place = Path(location)
    if len(place.parents) < 3:
        return {}
    return _load(place.parents[2] / ".lamina" / question.file, question)


def _is_told(one: Distribution, told: dict[str, Any]) -> bool:
    entry = told.get(_name(one))
    return (
        isinstance(entry, dict)
        and "found" in entry
        and (record := _record_digest(one)) is not None
        and entry.get("record") == record
    )


def _record_digest(one: Distribution) -> str | None:
    """Return the digest of the list of all files with their digests; None where there is none."""
    try:
        return hashlib.sha256(
            (Path(one.location) / one.metadata / "RECORD").read_bytes()
        ).hexdigest()
    except OSError:
        return None


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


def _document(entries: dict[str, Any], question: Question) -> dict[str, Any]:
    return {"schema": _SCHEMA, "version": question.version, "distributions": entries}


def _load(place: Path | None, question: Question) -> dict[str, Any]:
    if place is None:
        return {}
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        ours = (kept["schema"], kept["version"]) == (_SCHEMA, question.version)
        return dict(kept["distributions"]) if ours else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # What is not kept is found out again.


def _keep(place: Path, entries: dict[str, Any], question: Question) -> None:
    try:
        fs.make_directory(place.parent)
        fs.write_text(place, json.dumps(_document(entries, question)))
    except StorageError:
        return  # A cache that cannot be written costs time, nothing else.
