"""Sources of a Python package, in a directory or in a source distribution: names and texts."""

from __future__ import annotations

import io
import os
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core.errors import DocumentError, IntegrityError, Problem, UpstreamUnavailableError
from lamina.model.digests import digest_of_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.core.http import HttpClient
    from lamina.engines.index_pages import Offer

SUFFIXES = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz")
_LARGEST = 1 << 22
"""Bytes of a file that tells about a package."""
_TELLING = frozenset(
    {"PKG-INFO", "pyproject.toml", "setup.py", "setup.cfg", "entry_points.txt", "requires.txt",
     "top_level.txt"}
)  # fmt: skip
_NOT_SOURCES = frozenset({".git", "__pycache__", ".tox", ".venv", "build", "dist", "node_modules"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """The files of a package's sources, relative to their top."""

    origin: str
    """What it is called in messages."""
    names: tuple[str, ...]
    texts: Mapping[str, str] = field(repr=False)
    """Of those that tell about the package."""

    def text(self, name: str) -> str:
        """Return the text of a file at the top; empty where it is not there."""
        return self.texts.get(name, "")

    def egg_info(self, name: str) -> str:
        """Return the text of a file that setuptools has left in an .egg-info."""
        found = (one for one in sorted(self.texts) if one.endswith(f".egg-info/{name}"))
        return self.texts.get(next(found, ""), "")

    def pyproject(self) -> dict[str, Any]:
        """Return pyproject.toml, nothing where there is none; raises DocumentError."""
        try:
            return tomllib.loads(self.text("pyproject.toml"))
        except tomllib.TOMLDecodeError as error:
            place = f"{self.origin}: pyproject.toml"
            raise DocumentError(place, [Problem(where="", found=str(error))]) from error


def sources_in(directory: Path) -> SourceTree:
    """Return the sources in a directory."""
    names: list[str] = []
    for top, directories, files in os.walk(directory):
        directories[:] = sorted(set(directories) - _NOT_SOURCES)
        names += [(Path(top) / one).relative_to(directory).as_posix() for one in files]
    texts = {
        name: (directory / name).read_text(encoding="utf-8", errors="replace")
        for name in names
        if _tells(name) and (directory / name).stat().st_size < _LARGEST
    }
    return SourceTree(origin=str(directory), names=tuple(sorted(names)), texts=texts)


def sources_of(content: bytes, filename: str) -> SourceTree:
    """Return the sources in a source distribution; raises IntegrityError for a damaged one."""
    try:
        files = _zip(content) if filename.endswith(".zip") else _tar(content)
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise IntegrityError(f"{filename}: not a whole source distribution: {error}") from error
    below = {name.partition("/")[2]: data for name, data in files.items() if "/" in name}
    texts = {name: data.decode("utf-8", "replace") for name, data in below.items() if _tells(name)}
    return SourceTree(origin=filename, names=tuple(sorted(below)), texts=texts)


def _tells(name: str) -> bool:
    head, _, last = name.rpartition("/")
    return last in _TELLING and (not head or head.endswith(".egg-info"))


def _tar(content: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if member.isfile():
                below = member.name.partition("/")[2]
                small = _tells(below) and member.size < _LARGEST
                stream = archive.extractfile(member) if small else None
                found[member.name] = stream.read() if stream else b""
    return found


def _zip(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {
            one.filename: archive.read(one)
            if _tells(one.filename.partition("/")[2]) and one.file_size < _LARGEST
            else b""
            for one in archive.infolist()
            if not one.is_dir()
        }


def content_of(client: HttpClient, offer: Offer) -> bytes:
    """Return a file of an index; raises IntegrityError, UpstreamUnavailableError."""
    page = client.get(offer.address)
    if page.status != 200:
        raise UpstreamUnavailableError(
            f"the index does not serve {offer.filename}: HTTP status {page.status}"
        )
    found = digest_of_bytes(page.content)
    if offer.sha256 and found != offer.sha256:
        raise IntegrityError(
            f"{offer.filename}: the index serves content with sha256 {found}, "
            f"its page says {offer.sha256}"
        )
    return page.content
