"""How a release becomes RPMs: their names, versions, architecture and times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from lamina.core.errors import NotSupportedError, UsageError
from lamina.model.platforms import Platform
from lamina.model.rpm_versions import RpmVersion, rpm_version, rpm_version_of_conda

if TYPE_CHECKING:
    from lamina.model.versions import ReleaseVersion

Split = Literal["per-package", "whole"]

_ARCHES = {Platform.LINUX_64: "x86_64", Platform.LINUX_AARCH64: "aarch64"}
_FIRST_TIME = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
"""Of what has no time of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a release becomes RPMs."""

    stack: str
    version: ReleaseVersion
    platform: Platform
    prefix: str
    split: Split
    side_by_side: bool
    """Other releases of the stack are installed beside it: its version is part of all names."""
    relocatable: bool
    seconds: int
    """When the release was published, since 1970."""
    latest: int | None
    """No time in RPMs is later: SOURCE_DATE_EPOCH."""

    @property
    def stem(self) -> str:
        """The name of the metapackage, and what those of the others begin with."""
        version = "-" + self.version.replace("!", "_").replace("+", "_")
        return f"lamina-{self.stack}{version if self.side_by_side else ''}"

    def name_of(self, kind: str, name: str) -> str:
        """Return what a package's RPM is called: ``+`` is in no name of a stack or package."""
        return f"{self.stem}+{'conda-' if kind == 'conda' else ''}{name}"

    def clamped(self, seconds: int | None) -> int:
        """Return the time of a package, no later than is allowed."""
        wanted = _FIRST_TIME if seconds is None else seconds
        return wanted if self.latest is None else min(wanted, self.latest)


def arch_of(platform: Platform) -> str:
    """Return what RPM calls a platform; raises NotSupportedError where there are no RPMs."""
    if platform not in _ARCHES:
        raise NotSupportedError(f"RPMs are for Linux, and this release is for {platform}")
    return _ARCHES[platform]


def version_of(kind: str, name: str, version: str) -> RpmVersion:
    """Return a package's version as RPM has it; raises UsageError naming the package."""
    try:
        return rpm_version_of_conda(version) if kind == "conda" else rpm_version(version)
    except ValueError as error:
        raise UsageError(f"{name}: {error}", hints=["--whole makes one RPM of all"]) from error
