"""Which distributions of Python are inside conda packages, and tables of their names."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lamina.archive.reading import read_archive
from lamina.channel.directory import archives, subdirs
from lamina.core import fs
from lamina.core.errors import DocumentError, Problem
from lamina.model.toml import toml_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# Only directly below site-packages: what others carry along below them is theirs.
_INFO = re.compile(
    r"(?:^|/)site-packages/(?P<name>[^/]+?)-(?P<version>[^/-]+)(?:-py[^/]*)?\.(?:dist|egg)-info"
    r"(?:/|$)"
)


def distributions_in(paths: Iterable[str]) -> dict[str, str]:
    """Return name -> version of the distributions whose metadata are among a package's paths.

    Names are normalised, versions those of PEP 440.
    """
    found: dict[str, str] = {}
    for path in paths:
        if (match := _INFO.search(path)) is not None:
            try:
                found[canonicalize_name(match["name"])] = str(Version(match["version"]))
            except InvalidVersion:
                continue  # No requirement of the index side could ask for it.
    return dict(sorted(found.items()))


def names_from(source: Path) -> dict[str, str]:
    """Return distribution -> conda package as a channel or a table of others has them.

    Of a channel every archive is read. A table is JSON: conda package -> distribution, or several,
    or null. Raises DocumentError, IntegrityError for a damaged archive.
    """
    if source.is_dir():
        files = [file for subdir in subdirs(source) for file in archives(source, subdir)]
        contents = [read_archive(one) for one in files]
        told = [(one.name, [*distributions_in(p.path for p in one.paths)]) for one in contents]
    else:
        told = [(name, _texts(value)) for name, value in _object(source).items()]
    return _by_distribution(told)


def merge_names(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return a table without what goes without saying."""
    merged = {**old, **new}
    return {one: name for one, name in sorted(merged.items()) if one != name}


def save_names(names: Mapping[str, str], path: Path) -> None:
    """Write a table of names; the same names are the same bytes."""
    lines = [f"{one} = {toml_text(name)}" for one, name in sorted(names.items())]
    fs.write_text(path, "\n".join(["[names]", *lines]) + "\n")


def _by_distribution(told: Iterable[tuple[str, list[str]]]) -> dict[str, str]:
    """Return who has each distribution: the package that is called like it, else the first."""
    found: dict[str, str] = {}
    for package, distributions in sorted(told):
        for one in map(canonicalize_name, distributions):
            if one not in found or package == one:
                found[one] = package
    return found


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DocumentError(
            path, [Problem(where="", found=f"no table of names: {error}")]
        ) from error
    if not isinstance(value, dict):
        raise DocumentError(path, [Problem(where="", found="no table of names: not an object")])
    return value


def _texts(value: object) -> list[str]:
    many = value if isinstance(value, list) else [value]
    return [one for one in many if isinstance(one, str)]
