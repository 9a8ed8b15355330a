"""An RPM that is to be built, and what builds it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from lamina.core.errors import LaminaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.model.rpm_versions import RpmVersion

BUILD_HOST = "lamina"
"""What RPMs say in place of the name of the machine that they were built on."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
PREFIX = re.compile(r"(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RpmFile:
    """A file, link or directory in an RPM; its owner is root."""

    path: str
    """Where it comes to be."""
    kind: Literal["file", "link", "dir"]
    mode: int = 0
    target: str = ""
    """Of a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RpmPackage:
    """An RPM as it is to be."""

    name: str
    version: RpmVersion
    release: str
    arch: str
    summary: str
    licence: str
    seconds: int
    """The time of all that is in it, since 1970."""
    prefix: str
    relocatable: bool
    """It may be installed with another prefix."""
    relocates: bool
    """Once it is, it writes that prefix into all files: it is installed last."""
    requires: tuple[str, ...]
    obsoletes: tuple[str, ...]
    files: tuple[RpmFile, ...]

    @property
    def full_version(self) -> str:
        """As others require it: ``[EPOCH:]VERSION-RELEASE``."""
        return f"{self.version}-{self.release}"

    @property
    def file_name(self) -> str:
        """As RPM names it: without the epoch."""
        return f"{self.name}-{self.version.version}-{self.release}.{self.arch}.rpm"


class RpmBuilder(Protocol):
    """Builds an RPM of files that are below a directory as they are to be below ``/``."""

    def build(self, package: RpmPackage, root: Path, target: Path) -> None:
        """Write the RPM to ``target``; the same package gives the same bytes.

        Raises CommandFailedError.
        """


def find_program(name: str, environ: Mapping[str, str]) -> Path | None:
    """Return a program beside the running interpreter, where pip puts it, or in PATH."""
    beside = Path(sys.executable).parent / name
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which(name, path=environ.get("PATH", os.defpath))
    return Path(found) if found else None


def require_program(name: str, environ: Mapping[str, str], hints: list[str]) -> Path:
    """Return a program; raises LaminaError that says how to get it."""
    found = find_program(name, environ)
    if found is None:
        raise LaminaError(f"{name} is not there", hints=hints)
    return found
