"""Read conda's explicit list: one address of an archive a line, after ``@EXPLICIT``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lamina.core.errors import DocumentError, Problem
from lamina.core.run import redact
from lamina.model.document import read_document
from lamina.model.platforms import Platform
from lamina.stack.conda_reading import CondaReading
from lamina.stack.environment_yml import add_platform

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.model.platforms import PythonSeries
    from lamina.stack.imported import Imported

MARK = "@EXPLICIT"
_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)")
_ARCHIVE = re.compile(
    r"(?P<channel>(?:https?|file)://\S*?|/\S*?)/(?P<subdir>noarch|[a-z]+-[a-z0-9_]+)"
    r"/(?P<name>[^/\s]+)-(?P<version>[^/\s-]+)-(?P<build>[^/\s-]+)\.(?:conda|tar\.bz2)"
    r"(?:#(?P<digest>\S*))?"
)
_DIGEST = re.compile(r"(?:md5:)?[0-9a-fA-F]{32}|(?:sha256:)?[0-9a-fA-F]{64}")


def is_explicit(text: str) -> bool:
    """Tell whether a text is such a list."""
    return any(line.strip() == MARK for line in text.splitlines())


def read_explicit(path: Path, default_python: PythonSeries) -> Imported:
    """Read name, version, build and channel from the addresses; nothing is fetched.

    Raises DocumentError with every line that is no address of an archive.
    """
    reading = CondaReading(path=path, default_python=default_python)
    digests = 0
    lines = read_document(path).removeprefix("\ufeff").splitlines()
    for number, line in enumerate(map(str.strip, lines), start=1):
        if found := _PLATFORM.fullmatch(line):
            add_platform(reading, found[1], number)
        elif line and not line.startswith("#") and line != MARK:
            digests += _read_line(reading, number, line)
    if not reading.conda and not reading.problems:
        raise DocumentError(path, [Problem(where="", found="no packages are listed")])
    if digests:
        reading.left_behind.append(f"{digests} digests: lamina.lock will have the channel's own")
    return reading.imported()


def _read_line(reading: CondaReading, number: int, line: str) -> bool:
    """Take one address, and tell whether a digest came with it."""
    found = _ARCHIVE.fullmatch(line)
    if found is None:
        reading.wrong(number, f"{redact(line)!r} is not the address of a .conda or .tar.bz2")
        return False
    digest, subdir = found["digest"], found["subdir"]
    if digest is not None and not _DIGEST.fullmatch(digest):
        reading.wrong(number, f"{digest!r} is neither an MD5 nor sha256:... in hexadecimal")
        return False
    if subdir in set(Platform) and subdir not in reading.platforms:
        reading.platforms.append(Platform(subdir))
    name, version, build = (unquote(found[part]) for part in ("name", "version", "build"))
    reading.add_exact(name, version, build, unquote(found["channel"]), number)
    return digest is not None
