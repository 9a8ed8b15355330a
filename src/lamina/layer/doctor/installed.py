"""Every copy of every distribution on a search path, those that others hide included."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lamina._target import probe as metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SYSTEM = ("/usr/lib/", "/usr/lib64/")
_ENDINGS = (".dist-info", ".egg-info")


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One distribution's metadata in one directory of the search path."""

    key: str
    """Normalised name."""
    name: str
    version: str
    location: str
    metadata: str
    """Name of its .dist-info or .egg-info."""
    requires: tuple[str, ...]
    requires_python: str
    editable: bool
    entries: frozenset[str]
    """Names of its console scripts."""

    @property
    def directory(self) -> Path:
        """Its .dist-info or .egg-info."""
        return Path(self.location, self.metadata)

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    @cached_property
    def record(self) -> tuple[tuple[str, str], ...]:
        """Path relative to the location, and hash (``sha256=...`` or empty), of each file."""
        rows = _rows(self.directory / "RECORD")
        return tuple((row[0], row[1] if len(row) > 1 else "") for row in rows if row and row[0])

    @property
    def of_the_system(self) -> bool:
        """Whether the operating system's packages brought it, which look after themselves."""
        return self.location.startswith(_SYSTEM) and self.installer not in {"pip", "uv"}

    @cached_property
    def installer(self) -> str:
        """What installed it, in its own words; empty where unknown."""
        return _text(self.directory / "INSTALLER").strip()

    @cached_property
    def fits_everywhere(self) -> bool:
        """Whether its wheel was for every platform."""
        lines = _text(self.directory / "WHEEL").splitlines()
        return any(line.startswith("Tag: ") and line.endswith("-any") for line in lines)

    @cached_property
    def tops(self) -> frozenset[str]:
        """Names at the top of its location that are its own: files and directories."""
        if self.record:
            firsts = {path.partition("/")[0] for path, _ in self.record}
            return frozenset(firsts - {"..", "", self.metadata, "__pycache__"})
        names = set(_text(self.directory / "top_level.txt").split())
        listed = _text(self.directory / "installed-files.txt").split("\n")
        names |= {one[3:].partition("/")[0] for one in listed if one.startswith("../")}
        return frozenset(names - {"..", ""})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _rows(path: Path) -> Iterator[list[str]]:
    text = _text(path)
    if '"' in text:
        try:
            yield from csv.reader(text.splitlines())
        except csv.Error:
            return
    else:
        yield from (line.strip("\r").split(",") for line in text.split("\n"))


@dataclass(frozen=True, kw_only=True)
class Directory:
    """A directory of the search path."""

    path: str
    names: tuple[str, ...]
    """What is in it, sorted."""
    copies: tuple[Copy, ...]
    broken: tuple[str, ...]
    """Metadata directories that do not say what they are about."""

    @cached_property
    def modules(self) -> frozenset[str]:
        """Names of what can be imported from here, namespace packages left out."""
        found = set()
        for name in self.names:
            stem, dot, _ = name.partition(".")
            if not stem.isidentifier() or stem == "__pycache__":
                continue
            compiled_or_source = dot and name.endswith((".py", ".so", ".pyd"))
            if compiled_or_source or Path(self.path, name, "__init__.py").is_file():
                found.add(stem)
        return frozenset(found)


def read_directories(paths: Iterable[str]) -> tuple[Directory, ...]:
    """Return the directories that are there, in the order of the search."""
    return tuple(one for path in paths if (one := _directory(path)) is not None)


def _directory(path: str) -> Directory | None:
    try:
        names = sorted(os.listdir(path))  # noqa: PTH208
    except OSError:
        return None
    copies, broken = [], []
    for name in names:
        if not name.endswith(_ENDINGS) or name.startswith("~"):
            continue
        data = metadata.distribution(path, name)
        if data is not None and data["version"]:
            copies.append(_copy(path, name, data))
        elif name.endswith(".dist-info"):
            broken.append(name)
    return Directory(path=path, names=tuple(names), copies=tuple(copies), broken=tuple(broken))


def _copy(path: str, name: str, data: dict[str, object]) -> Copy:
    requires, entries = data["requires"], data["entries"]
    assert isinstance(requires, list)  # noqa: S101
    assert isinstance(entries, dict)  # noqa: S101
    return Copy(
        key=str(data["key"]),
        name=str(data["name"]),
        version=str(data["version"]),
        location=path,
        metadata=name,
        requires=tuple(requires),
        requires_python=str(data["requires_python"]),
        editable=bool(data["editable"]),
        entries=frozenset(entries),
    )
