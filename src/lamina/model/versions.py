"""Versions of stacks and their releases."""

from __future__ import annotations

import re
from typing import NewType

from packaging.version import InvalidVersion, Version

ReleaseVersion = NewType("ReleaseVersion", str)
"""A PEP 440 version as the librarian wrote it (2026.11.0 keeps its zero), safe as a path."""

_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]{0,99}")


def parse_release_version(text: str) -> ReleaseVersion:
    """Return the version; raises ValueError on what PEP 440 does not allow."""
    try:
        Version(text)
    except InvalidVersion:
        raise ValueError(f"{text!r} is not a PEP 440 version such as '2026.11.0'") from None
    if not _SAFE.fullmatch(text):
        raise ValueError(f"{text!r} is not a version that can name a directory")
    return ReleaseVersion(text)


def version_key(version: ReleaseVersion) -> Version:
    """Return what orders release versions."""
    return Version(version)
