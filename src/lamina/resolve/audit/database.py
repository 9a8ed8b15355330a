"""A database of advisories that the user has: a directory of JSON files, or a zip of them."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from pydantic import ValidationError

from lamina.archive.damage import DAMAGE
from lamina.core.errors import DocumentError, Problem
from lamina.resolve.audit.advisory import Advisory, is_python

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lamina.model.names import PackageName

_LARGEST = 64 * 2**20
"""Bytes that a document may have; the longest that exist have one or two MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """What a database says of some packages."""

    path: Path
    documents: int = 0
    """How many advisories were read, about whatever."""
    advisories: dict[PackageName, list[Advisory]] = field(default_factory=dict)
    """Those in force about each of the packages."""
    known: set[str] = field(default_factory=set)
    """The names of all advisories, with their aliases."""
    withdrawn: set[str] = field(default_factory=set)
    """The names of those that were withdrawn."""
    unreadable: tuple[Problem, ...] = ()
    """Files that are no advisories, though they should be."""


class _NoAdvisoryError(Exception):
    """A document that cannot be used, with the reason."""


def read_database(path: Path, names: Collection[PackageName]) -> Database:
    """Read what is said of the packages ``names``; only what mentions them is looked at closely.

    Raises DocumentError when there is no database at ``path``. Files in it that cannot be read are
    in the result: what they would have said is not known.
    """
    database = Database(path=path)
    wanted = frozenset(names)
    problems: list[Problem] = []
    count = 0
    for name, data in _members(path):
        try:
            _take(database, _parsed(data), wanted)
            count += 1
        except _NoAdvisoryError as error:
            problems.append(Problem(where=name, found=str(error)))
    if not count and not problems:
        found = "no JSON files in it"
        raise DocumentError(path, [Problem(where="", found=found)], hints=_HINTS)
    return Database(
        path=path,
        documents=count,
        advisories=database.advisories,
        known=database.known,
        withdrawn=database.withdrawn,
        unreadable=tuple(problems),
    )


_HINTS = ["unpack the PyPI export of an OSV database into it, or name the export's all.zip"]


def _take(database: Database, raw: dict[str, Any], wanted: frozenset[PackageName]) -> None:
    """Put a document where it belongs."""
    if raw.get("withdrawn"):
        database.withdrawn.add(raw["id"])
        return
    try:
        found = _names(raw) & wanted
        database.known.update((raw["id"], *(raw.get("aliases") or ())))
    except (AttributeError, KeyError, TypeError) as error:
        raise _NoAdvisoryError(f"not in the OSV format: {error!r}") from error
    if not found:
        return
    try:
        advisory = Advisory.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _NoAdvisoryError(f"not in the OSV format: {where}: {first['msg']}") from error
    for name in found:
        database.advisories.setdefault(name, []).append(advisory)


def _parsed(data: bytes | str) -> dict[str, Any]:
    if isinstance(data, str):
        raise _NoAdvisoryError(data)
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _NoAdvisoryError(f"not JSON: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str):
        raise _NoAdvisoryError("JSON, but no advisory in the OSV format: it has no id")
    return raw


def _names(raw: dict[str, Any]) -> set[PackageName]:
    """Return the Python packages that a document is about."""
    packages = [one["package"] for one in raw.get("affected") or () if one.get("package")]
    return {canonicalize_name(one["name"]) for one in packages if is_python(one["ecosystem"])}


def _members(path: Path) -> Iterator[tuple[str, bytes | str]]:
    """Yield the name and the content of each document, or why it has none."""
    if path.is_dir():
        yield from _files(path, path)
    elif zipfile.is_zipfile(path):
        yield from _zipped(path)
    else:
        found = "neither a directory nor a zip file" if path.exists() else "no such directory"
        raise DocumentError(path, [Problem(where="", found=found)], hints=_HINTS)


def _files(top: Path, directory: Path) -> Iterator[tuple[str, bytes | str]]:
    try:
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda one: one.name)
    except OSError as error:
        yield str(directory.relative_to(top)), f"cannot be read: {error.strerror}"
        return
    for one in entries:
        if one.name.startswith("."):
            continue
        if one.is_dir(follow_symlinks=False):
            yield from _files(top, Path(one.path))
        elif one.name.endswith(".json"):
            yield os.path.relpath(one.path, top), _content(one)


def _content(one: os.DirEntry[str]) -> bytes | str:
    try:
        if not one.is_file():
            return "not a file"
        if one.stat().st_size > _LARGEST:
            return _TOO_LARGE
        return Path(one.path).read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"


_TOO_LARGE = f"larger than {_LARGEST // 2**20} MiB"


def _zipped(path: Path) -> Iterator[tuple[str, bytes | str]]:
    """Yield the documents of a zip; nothing is unpacked, so no name in it can do harm."""
    try:
        with zipfile.ZipFile(path) as archive:
            for one in archive.infolist():
                base = one.filename.rpartition("/")[2]
                if base.endswith(".json") and not base.startswith("."):
                    yield one.filename, _unzipped(archive, one)
    except DAMAGE as error:
        raise DocumentError(path, [Problem(where="", found=f"not a zip file: {error}")]) from error


def _unzipped(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> bytes | str:
    if one.file_size > _LARGEST:
        return _TOO_LARGE
    try:
        return archive.read(one)
    except DAMAGE as error:
        return f"cannot be unpacked: {error}"
