"""Conda packages as locks, channels and engines speak of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEHIND_NAME = re.compile(r"[\s=<>!~\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaRecord:
    """One build of a conda package, as the repodata of a channel describe it."""

    name: str
    version: str
    build: str
    build_number: int = 0
    subdir: str
    file_name: str
    channel: str = ""
    """Address of the channel, with a slash at its end."""
    url: str = ""
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    sha256: str = ""
    md5: str = ""
    size: int | None = None
    timestamp: int | None = None
    """When it was built, in milliseconds since 1970; None where nobody knows."""
    noarch: str = ""
    """``python``, ``generic``, or empty."""
    license: str = ""
    track_features: tuple[str, ...] = ()
    site_packages: str = ""
    """Of Python: where packages go, below the prefix."""

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.build}"


def needed_name(spec: str) -> str:
    """Return the package that a MatchSpec of a record is about.

    Most have a blank after it, and ``python>=3.8`` is right too.
    """
    name = _BEHIND_NAME.split(spec.strip(), maxsplit=1)[0]
    return name.rpartition("::")[2].lower()


def record_of_json(
    entry: Mapping[str, Any], *, file_name: str, channel: str = "", url: str = ""
) -> CondaRecord:
    """Read an entry of repodata; raises KeyError, TypeError or ValueError for what is none."""
    noarch = entry.get("noarch") or ""
    features = entry.get("track_features") or ()
    size, timestamp = entry.get("size"), entry.get("timestamp")
    return CondaRecord(
        name=str(entry["name"]),
        version=str(entry["version"]),
        build=str(entry["build"]),
        build_number=int(entry.get("build_number", 0)),
        subdir=str(entry.get("subdir") or ""),
        file_name=file_name,
        channel=channel,
        url=url,
        depends=_words(entry.get("depends")),
        constrains=_words(entry.get("constrains")),
        sha256=entry.get("sha256") or "",
        md5=entry.get("md5") or "",
        size=None if size is None else int(size),
        timestamp=None if timestamp is None else int(timestamp),
        noarch="generic" if noarch is True else str(noarch),
        license=entry.get("license") or "",
        track_features=tuple(
            features.replace(",", " ").split() if isinstance(features, str) else features
        ),
        site_packages=entry.get("python_site_packages_path") or "",
    )


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(f"{value!r}: not a list")
    return tuple(str(one) for one in value or ())
