"""Conda packages, extracted: where their Python modules are, and for what they were built."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.archive.extracting import extract_archive
from lamina.core.errors import IntegrityError, NotSupportedError
from lamina.model.platforms import Platform, PythonSeries

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.archive.reading import Contents

_SITE = re.compile(r"lib/python(3\.\d+)/site-packages/|site-packages/")


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaPackage:
    """A package whose archive has been checked and extracted."""

    contents: Contents
    top: Path
    """Where its files are."""
    site: str
    """Its site-packages below that, with a slash; empty where it has no Python modules."""
    series: PythonSeries | None
    """The one Python that it is for; None for any."""
    platform: Platform | None
    """None for any."""
    about: dict[str, Any]
    """info/about.json."""

    @property
    def label(self) -> str:
        """NAME-VERSION-BUILD."""
        index = self.contents.index
        return f"{index['name']}-{index['version']}-{index['build']}"

    @property
    def depends(self) -> tuple[str, ...]:
        """Its dependencies, as MatchSpecs."""
        return tuple(self.contents.index.get("depends") or ())


def open_package(path: Path, directory: Path, *, sha256: str = "") -> CondaPackage:
    """Extract a package into a new directory.

    Raises IntegrityError that names the archive for damage, for members that would leave it and
    for documents that contradict each other, NotSupportedError for a platform that is not ours.
    """
    contents = extract_archive(path, directory, sha256=sha256)
    found = {m[0]: m[1] for one in contents.paths if (m := _SITE.match(one.path))}
    sites = sorted(found)
    if len(sites) > 1:
        raise IntegrityError(f"{path}: modules in {' and in '.join(sites)}")
    site = sites[0] if sites else ""
    return CondaPackage(
        contents=contents,
        top=directory,
        site=site,
        series=PythonSeries.parse(found[site]) if site and found[site] else None,
        platform=_platform(contents),
        about=_about(path, directory),
    )


def _platform(contents: Contents) -> Platform | None:
    subdir = contents.index.get("subdir") or "noarch"
    if subdir == "noarch":
        return None
    try:
        return Platform(subdir)
    except ValueError:
        raise NotSupportedError(f"{contents.file}: for {subdir}, no platform of ours") from None


def _about(path: Path, directory: Path) -> dict[str, Any]:
    file = directory / "info" / "about.json"
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise IntegrityError(f"{path}: info/about.json: {error}") from error
    return found if isinstance(found, dict) else {}
