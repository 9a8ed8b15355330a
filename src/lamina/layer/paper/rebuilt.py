"""Wheels that a base was built of, where they still are: what a flat environment is made of then.

A built wheel is known by the digest of all that went into it, which is written in the wheel and in
the paper lock.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.build.wheels.cache import WheelCache, key_of
from lamina.core import fs
from lamina.core.errors import UnsatisfiableError
from lamina.layer.fetching import rank_of, wheel_order
from lamina.model.artifacts import Artifact
from lamina.model.digests import parse_sha256
from lamina.model.names import PUBLIC_INDEX
from lamina.release.alterations import BUILD_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.layer.fetching import Shelf
    from lamina.layer.paper.document import PaperBasePackage, PaperLock

_BEYOND_WHEELS = ("hook pre-install", "hook post-install")
"""What is done when the base is made, and is in no wheel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The wheels found, and what of the base's own work is in none."""

    wheels: Mapping[str, Path]
    """Name in the lock -> the wheel."""
    lost: Mapping[str, tuple[str, ...]]
    """Name in the lock -> what would not be done to it."""

    def artifact(self, one: PaperBasePackage) -> Artifact | None:
        """Return the wheel of a package as a file to install; None where there is none."""
        path = self.wheels.get(one.name)
        if path is None:
            return None
        return Artifact(
            package=canonicalize_name(one.name),
            version=one.version,
            index=PUBLIC_INDEX,
            filename=path.name,
            sha256=parse_sha256(fs.sha256_of(path)),
        )


def find_rebuilt(lock: PaperLock, shelf: Shelf, cache: Path) -> Rebuilt:
    """Look for built wheels in the user's directories, then in the cache of builds."""
    packages = [one for one in lock.base.packages if canonicalize_name(one.name) not in lock.own]
    wheels: dict[str, Path] = {}
    lost = {}
    for one in packages:
        if (path := _wheel(one, lock.base.series, shelf, cache)) is not None:
            wheels[one.name] = path
        words = tuple(text for text in one.altered if path is None or text in _BEYOND_WHEELS)
        if words:
            lost[one.name] = words
    return Rebuilt(wheels=wheels, lost=lost)


def refuse_loss(lost: Mapping[str, Iterable[str]]) -> None:
    """Raise UnsatisfiableError where packages would not be what the base has."""
    if lost:
        raise UnsatisfiableError(
            f"the base has these as its stack made them, and no file has that: {render_lost(lost)}",
            hints=[
                "--find-links DIR, with the wheels that lamina build made of its stack",
                "--unpatched takes them without that",
                "without --flat, on the base itself, they are as they were",
            ],
        )


def render_lost(lost: Mapping[str, Iterable[str]]) -> str:
    """Return packages and what would be missing of each, for people."""
    return ", ".join(f"{name} ({', '.join(words)})" for name, words in lost.items())


def _wheel(one: PaperBasePackage, series: str, shelf: Shelf, cache: Path) -> Path | None:
    if one.build is None:
        return None
    order = wheel_order(series)
    for path in shelf.files().values():
        if (
            path.suffix == ".whl"
            and rank_of(path.name, one.name, one.version, order) is not None
            and _key(path) == one.build
        ):
            return path.absolute()
    built = WheelCache(directory=cache).find(one.build)
    return built.path if built is not None else None


def _key(wheel: Path) -> str | None:
    """Return the digest of all that went into a built wheel, by what it says; None: it does not."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = [one for one in archive.namelist() if one.endswith(f".dist-info/{BUILD_NAME}")]
            return key_of(json.loads(archive.read(inside[0]))) if inside else None
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
