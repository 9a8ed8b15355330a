"""Distributions as they lie in an environment: what their metadata and their tags say."""

from __future__ import annotations

import csv
from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from email.parser import HeaderParser
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.core.errors import IntegrityError
from lamina.press.wheel_tags import Build, build_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A distribution as it lies in an environment."""

    info: Path
    """Its .dist-info."""
    environment: Path
    metadata: Message
    tags: tuple[str, ...]
    programs: Mapping[str, str]
    """Console and gui scripts: name -> ``module:function``."""
    files: tuple[str, ...]
    """Relative to site-packages, as in RECORD."""
    requirements: tuple[Requirement, ...] = field(default=())

    @property
    def name(self) -> str:
        """Its normalised name."""
        return canonicalize_name(self.metadata["Name"])

    @cached_property
    def build(self) -> Build:
        """For which Pythons and machines its wheel is; raises IntegrityError."""
        try:
            return build_of(self.tags)
        except ValueError as error:
            raise IntegrityError(f"{self.info.name}: {error}") from error

    @property
    def any_python(self) -> bool:
        """Whether one package of it serves every Python (noarch)."""
        return self.build.abi != "exact"


def read_distributions(site: Path, environment: Path) -> dict[str, Distribution]:
    """Return what is installed in a site-packages directory, by normalised name.

    Raises IntegrityError for metadata that cannot be read.
    """
    found = {}
    for info in sorted(site.glob("*.dist-info")):
        try:
            one = _read(info, environment)
        except (OSError, ValueError, KeyError, TypeError, csv.Error, Error) as error:
            raise IntegrityError(f"{info.name}: cannot be read: {error}") from error
        found[one.name] = one
    return found


def _read(info: Path, environment: Path) -> Distribution:
    metadata = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    wheel = HeaderParser().parsestr((info / "WHEEL").read_text(encoding="utf-8"))
    with (info / "RECORD").open(encoding="utf-8", newline="") as stream:
        files = tuple(row[0] for row in csv.reader(stream) if row)
    entry_points = info / "entry_points.txt"
    text = entry_points.read_text(encoding="utf-8") if entry_points.is_file() else ""
    return Distribution(
        info=info,
        environment=environment,
        metadata=metadata,
        tags=tuple(wheel.get_all("Tag", [])),
        programs=dict(programs_of(text)),
        files=files,
        requirements=tuple(Requirement(one) for one in metadata.get_all("Requires-Dist", [])),
    )


def programs_of(entry_points: str) -> Iterator[tuple[str, str]]:
    """Yield name and ``module:function`` of each program in an entry_points.txt.

    Raises configparser.Error.
    """
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(entry_points)
    for section in ("console_scripts", "gui_scripts"):
        if parser.has_section(section):
            yield from (
                (name, value.split("[")[0].strip()) for name, value in parser[section].items()
            )
