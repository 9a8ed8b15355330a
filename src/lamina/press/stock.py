"""Shared libraries of conda packages that a wheel can take in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core.http import HttpClient
from lamina.engines.conda_fetch import fetch_archives
from lamina.engines.conda_records import name_of, parse_spec
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.platforms import SystemFloor
from lamina.press.conda_package import open_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lamina.model.conda import CondaRecord
    from lamina.model.platforms import Platform
    from lamina.press.conda_package import CondaPackage

OF_PYTHON = frozenset({"python", "python_abi", "cpython", "_python_abi3_support", "python-gil"})
"""Packages that are the interpreter: a wheel has tags for them."""
_ANY_GLIBC = SystemFloor(glibc=(2, 99))


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """A library that is to be had."""

    file: Path
    package: CondaPackage


@dataclass(slots=True, kw_only=True)
class Stock:
    """The libraries of packages that were given, then of those that channels have."""

    given: list[CondaPackage]
    channels: Sequence[str] = ()
    """Asked when a library is in none of those that were given."""
    work: Path
    environ: Mapping[str, str]
    _pending: list[CondaRecord] | None = None

    def find(self, soname: str, depends: Iterable[str], platform: Platform) -> Supply | None:
        """Return a library by its SONAME; ``depends`` is what may have it in the channels.

        Raises what solving and fetching raise.
        """
        for package in self.given:
            if found := _library(package, soname):
                return Supply(file=found, package=package)
        if self._pending is None:
            self._pending = self._solved(depends, platform) if self.channels else []
        while self._pending:
            package = self._fetched(self._pending.pop(0))
            self.given.append(package)
            if found := _library(package, soname):
                return Supply(file=found, package=package)
        return None

    def package(self, name: str) -> CondaPackage | None:
        """Return a package that is here already."""
        return next((one for one in self.given if one.contents.name == name), None)

    def _solved(self, depends: Iterable[str], platform: Platform) -> list[CondaRecord]:
        """Return what comes with the dependencies and can have libraries, the nearest first."""
        specs = [one for one in depends if not one.startswith("__")]
        channels = CondaChannels(addresses=list(self.channels), cache=self.work / "repodata")
        virtual = virtual_packages(platform, floor=_ANY_GLIBC)
        request = SolveRequest(specs=specs, platform=platform, virtual=virtual)
        found = {one.name: one for one in solve(channels, request)} if specs else {}
        ordered: list[CondaRecord] = []
        names = [name_of(parse_spec(one)) for one in specs]
        for name in names:  # grows on the way
            record = found.pop(name, None)
            if record is None or name in OF_PYTHON:
                continue
            names += [name_of(parse_spec(one)) for one in record.depends]
            if not record.noarch and self.package(name) is None:
                ordered.append(record)
        return ordered

    def _fetched(self, record: CondaRecord) -> CondaPackage:
        with HttpClient(self.environ) as http:
            archive = fetch_archives([record], self.work / "fetched", http)[record]
        directory = self.work / "stock" / f"{record.name}-{record.version}-{record.build}"
        return open_package(archive, directory, sha256=record.sha256)


def _library(package: CondaPackage, soname: str) -> Path | None:
    """Return the real file of a library in lib/ of a package."""
    path = package.top / "lib" / soname
    real = path.resolve()
    inside = "/" not in soname and real.is_relative_to(package.top.resolve())
    return real if inside and real.is_file() else None
