"""What is installed in a conda prefix, by the records in it, and whether it still is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.model.conda import CondaRecord, record_of_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

META = "conda-meta"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledFile:
    """A file of an installed package."""

    path: str
    sha256: str
    """Of the file as it was put there; empty: never known."""
    link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPackage:
    """A package in a prefix."""

    record: CondaRecord
    files: tuple[InstalledFile, ...]


def read_prefix(prefix: Path) -> list[InstalledPackage]:
    """Return what is installed in a prefix, by name; raises IntegrityError for broken records."""
    found = [read_record(path) for path in sorted((prefix / META).glob("*.json"))]
    return sorted(found, key=lambda one: one.record.name)


def read_record(path: Path) -> InstalledPackage:
    """Return what a file of conda-meta says; raises IntegrityError for one that is no record."""
    try:
        return _installed(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path}: not the record of a package: {error}") from error


def _installed(document: dict[str, Any]) -> InstalledPackage:
    record = record_of_json(
        document,
        file_name=str(document["fn"]),
        channel=str(document.get("channel") or ""),
        url=str(document.get("url") or ""),
    )
    files = tuple(
        InstalledFile(
            path=str(one["_path"]),
            sha256=str(one.get("sha256_in_prefix") or one.get("sha256") or ""),
            link=one.get("path_type") == "softlink",
        )
        for one in document["paths_data"]["paths"]
        if one.get("path_type") != "directory"
    )
    return InstalledPackage(record=record, files=files)


def renew_digests(prefix: Path, paths: Iterable[Path]) -> None:
    """Write into the records of a prefix that files are meant to be as they are now."""
    changed = {str(path.relative_to(prefix)): path for path in paths}
    for file in sorted((prefix / META).glob("*.json")) if changed else ():
        document = json.loads(file.read_text(encoding="utf-8"))
        mine = [one for one in document["paths_data"]["paths"] if one["_path"] in changed]
        for one in mine:
            one["sha256_in_prefix"] = fs.sha256_of(changed[one["_path"]])
        if mine:
            text = json.dumps(document, indent=2, sort_keys=True) + "\n"
            fs.write_text(file, text, durable=False)


def check_prefix(prefix: Path) -> list[str]:
    """Return the files that are not as they were installed, each with its package, in words.

    Installing the same packages again does not mend them: their names and versions are all that
    the engine compares.
    """
    return [text for one in read_prefix(prefix) for text in _changed(prefix, one)]


def _changed(prefix: Path, package: InstalledPackage) -> Iterator[str]:
    for file in package.files:
        path = prefix / file.path
        if not path.is_symlink() and not path.exists():
            yield f"{file.path}: missing ({package.record})"
        elif file.link or path.is_symlink():
            if file.link != path.is_symlink():
                yield f"{file.path}: changed ({package.record})"
        elif file.sha256 and fs.sha256_of(path) != file.sha256:
            yield f"{file.path}: changed ({package.record})"
