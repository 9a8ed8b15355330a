"""What a conda package says of itself, and what its files are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Noarch = Literal["", "generic", "python"]
FileMode = Literal["text", "binary"]
PathType = Literal["hardlink", "softlink", "directory"]

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_VERSION = re.compile(r"[A-Za-z0-9_.+!]+")
_BUILD = re.compile(r"[A-Za-z0-9_.+]+")
SUBDIR = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)?")

PLACEHOLDER = ("/" + "placehold_" * 26)[:255]
"""What stands for the prefix in files, as long as conda makes it: no prefix may be longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package to be written. Raises ValueError for a name, version or build that is none."""

    name: str
    version: str
    build: str
    build_number: int = 0
    subdir: str
    """``noarch``, or the platform in conda's spelling."""
    noarch: Noarch = ""
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    entry_points: tuple[str, ...] = ()
    """Of noarch Python packages: ``name = module:function``; installing makes programs of them."""
    run_exports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """``weak``, ``strong``, ``noarch`` ... -> what a package that was built with this one needs."""
    license: str = ""
    summary: str = ""
    home: str = ""
    site_packages: str = ""
    """Of Python itself: where packages go, below the prefix."""
    about_further: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of info/about.json."""
    info_files: Mapping[str, bytes] = field(default_factory=dict)
    """Further files of info/ by their path there, such as licences."""
    moment: datetime
    """When it was built: the time of all its files, and what ``exclude-newer`` looks at."""

    def __post_init__(self) -> None:
        for what, value, pattern in (
            ("package name", self.name, _NAME),
            ("version", self.version, _VERSION),
            ("build string", self.build, _BUILD),
            ("subdirectory of a channel", self.subdir, SUBDIR),
        ):
            if not pattern.fullmatch(value):
                raise ValueError(f"{value!r} is not a {what} of conda")
        # CEP 20: Python modules for one platform and every Python are noarch, and not in noarch/.
        of_platform = self.noarch == "python" and self.subdir != "noarch"
        if bool(self.noarch) != (self.subdir == "noarch") and not of_platform:
            raise ValueError(f"{self.name}: noarch={self.noarch!r} in {self.subdir}")

    @property
    def stem(self) -> str:
        """The name of the archive without its ending."""
        return f"{self.name}-{self.version}-{self.build}"

    def index(self) -> dict[str, Any]:
        """Return info/index.json."""
        index: dict[str, Any] = {
            "arch": None if self.subdir == "noarch" else _architecture(self.subdir),
            "build": self.build,
            "build_number": self.build_number,
            "constrains": list(self.constrains),
            "depends": list(self.depends),
            "license": self.license,
            "name": self.name,
            "platform": None if self.subdir == "noarch" else self.subdir.partition("-")[0],
            "subdir": self.subdir,
            "timestamp": int(self.moment.timestamp() * 1000),
            "version": self.version,
        }
        if self.noarch:
            index["noarch"] = self.noarch
        if self.site_packages:
            index["python_site_packages_path"] = self.site_packages
        return index

    def about(self) -> dict[str, Any]:
        """Return info/about.json."""
        about = {"home": self.home, "license": self.license, "summary": self.summary}
        return about | dict(self.about_further)

    def link(self) -> dict[str, Any] | None:
        """Return info/link.json, None where there is none."""
        if self.noarch != "python":
            return None
        programs = {"type": "python", "entry_points": list(self.entry_points)}
        return {"noarch": programs, "package_metadata_version": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEntry:
    """One file of a package, as info/paths.json has it."""

    path: str
    kind: PathType = "hardlink"
    sha256: str = ""
    size: int = 0
    placeholder: str = ""
    """What stands for the prefix inside; empty: the file does not name it."""
    mode: FileMode = "binary"
    """How the prefix is put in: a binary file keeps its length."""

    def as_json(self) -> dict[str, Any]:
        """Return the entry as CEP 34 has it."""
        entry: dict[str, Any] = {"_path": self.path, "path_type": self.kind}
        if self.kind != "directory":
            entry |= {"sha256": self.sha256, "size_in_bytes": self.size}
        if self.placeholder:
            entry |= {"file_mode": self.mode, "prefix_placeholder": self.placeholder}
        return entry

    @classmethod
    def of_json(cls, entry: Mapping[str, Any]) -> PathEntry:
        """Read an entry; raises KeyError, TypeError or ValueError for what is none."""
        kind, mode = entry.get("path_type", "hardlink"), entry.get("file_mode", "binary")
        if kind not in {"hardlink", "softlink", "directory"} or mode not in {"text", "binary"}:
            raise ValueError(f"{kind!r}, {mode!r}: no kind of file")
        placeholder = entry.get("prefix_placeholder") or ""
        return cls(
            path=_text(entry["_path"]),
            kind=kind,
            sha256=_text(entry.get("sha256") or ""),
            size=int(entry.get("size_in_bytes") or 0),
            placeholder=_text(placeholder),
            mode=mode,
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}: not a string")
    return value


def _architecture(subdir: str) -> str:
    machine = subdir.partition("-")[2]
    return {"64": "x86_64", "32": "x86"}.get(machine, machine)
