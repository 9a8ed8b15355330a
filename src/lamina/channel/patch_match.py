"""The ``if`` of a patch: which records it is for. The language is that of conda-forge.

https://github.com/conda-forge/conda-forge-repodata-patches-feedstock, recipe/patch_yaml/README.md
"""

from __future__ import annotations

import fnmatch
import functools
import operator
import re
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt, "le": operator.le, "gt": operator.gt,
    "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
_FIELDS = (
    "name", "version", "build", "build_number", "subdir", "license", "license_family", "noarch",
    "timestamp", "features", "size",
)  # fmt: skip
_NUMBERS = frozenset({"build_number", "timestamp", "size"})
_GLOB = re.compile(r"[*\[\]?()]")
_OPTIONAL_REST = "?( *)"


def known_conditions() -> set[str]:
    """Return every key that an ``if`` may have."""
    plain = {
        *_FIELDS,
        *(f"{name}_in" for name in (*_FIELDS, "artifact")),
        *(f"{name}_{word}" for name in _FIELDS for word in _COMPARISONS),
        *(f"has_{name}" for name in ("depends", "constrains", "track_features")),
    }
    return plain | {f"not_{name}" for name in plain}


def matches(
    conditions: Mapping[str, Any], subdir: str, file_name: str, record: Mapping[str, Any]
) -> bool:
    """Tell whether all conditions hold of a record.

    What a record does not have meets no condition; a record without a time is from 1970.
    """
    return all(
        _holds(key.removeprefix("not_"), value, subdir, file_name, record)
        is not key.startswith("not_")
        for key, value in conditions.items()
    )


def _holds(key: str, value: Any, subdir: str, file_name: str, record: Mapping[str, Any]) -> bool:
    field, _, word = key.rpartition("_")
    if key == "artifact_in":
        return _any_glob(file_name, value)
    if key == "subdir_in":
        return _any_glob(subdir, value)
    if key.startswith("has_"):
        return _has(key.removeprefix("has_"), value, record)
    if key in _FIELDS:
        return key in record and _equals(key, record[key], value)
    if word == "in":
        return field in record and _any_glob(record[field], value)
    found = record.get(field, 0 if field == "timestamp" else None)
    return found is not None and _compares(field, word, found, value)


def _equals(field: str, found: Any, value: Any) -> bool:
    if field == "version" and not _GLOB.search(str(value)):
        return _compares(field, "eq", found, value)
    return glob(str(found), str(value))


def _compares(field: str, word: str, found: Any, value: Any) -> bool:
    compare = _COMPARISONS[word]
    if field == "version":
        return compare(*_versions(str(found), str(value)))
    if field in _NUMBERS:
        return compare(int(found), int(value))
    return compare(str(found), str(value))


def _versions(one: str, other: str) -> tuple[Any, Any]:
    """Return two versions that can be compared: as Python does, where both are of its kind."""
    try:
        return Version(one), Version(other)
    except InvalidVersion:
        from lamina.engines.conda_records import version_order

        return version_order(one), version_order(other)


def _any_glob(found: Any, value: Any) -> bool:
    return any(glob(str(found), str(one)) for one in as_list(value))


def _has(field: str, value: Any, record: Mapping[str, Any]) -> bool:
    entries = record.get(field) or ()
    there = entries.split() if isinstance(entries, str) else entries
    return all(any(glob(entry, str(one)) for entry in there) for one in as_list(value))


def as_list(value: Any) -> list[Any]:
    """Return one or more values as a list."""
    return list(value) if isinstance(value, list) else [value]


def glob(text: str, pattern: str) -> bool:
    """Match as the shell does; ``?( *)`` is nothing, or a space and whatever comes then."""
    return _expression(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    # fnmatch writes (?s:...)\Z around what it has made.
    parts = [fnmatch.translate(part)[4:-3] for part in pattern.split(_OPTIONAL_REST)]
    return re.compile("(?: .*)?".join(parts), re.DOTALL)
