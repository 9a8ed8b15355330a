"""uv as the solver of a layer: the union of base, layer and request, and the files it takes."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from lamina.core import fs
from lamina.core.errors import (
    BuildFailedError,
    IntegrityError,
    LaminaError,
    UnsatisfiableError,
    UpstreamUnavailableError,
)
from lamina.engines.index_addresses import with_credentials
from lamina.engines.pylock import PylockSettings, dump_pylock, install_options
from lamina.engines.uv_lock import source_lines
from lamina.model.artifacts import Artifact
from lamina.model.digests import parse_sha256
from lamina.model.names import PUBLIC_INDEX, parse_package_name
from lamina.model.platforms import PythonSeries, SystemFloor, Target, current_platform
from lamina.model.toml import toml_text, toml_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from lamina.engines.uv_program import UvProgram
    from lamina.model.names import IndexName, PackageName

PROJECT_NAME = "lamina-layer-that-is-being-changed"
"""Stands for what is asked for in uv's messages; no package has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageIndexes:
    """The one index that each package may come from."""

    addresses: Mapping[IndexName, str]
    """With credentials, for requests only."""
    default: IndexName = PUBLIC_INDEX
    """Of packages that name none."""
    named: Mapping[PackageName, IndexName] = field(default_factory=dict)
    """Packages that are from another than the default one."""

    def of(self, name: PackageName) -> IndexName:
        """Return the index of a package."""
        return self.named.get(name, self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPackage:
    """A package of which everything is known already: it is installed."""

    name: PackageName
    version: str
    requires: tuple[str, ...]
    extras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """What has to hold together."""

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    preferences: tuple[str, ...]
    """Pins that hold unless a requirement speaks against them."""
    known: tuple[KnownPackage, ...]
    """These exist, with these dependencies, whatever the index says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A package of the union's solution."""

    name: PackageName
    version: str
    via: tuple[PackageName, ...]
    """The packages that need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UvUnion:
    """Solves and installs with uv for one interpreter."""

    program: UvProgram
    python: Path
    series: PythonSeries
    indexes: PackageIndexes
    exclude_newer: str | None = None
    remembering: bool = False
    """Ask the index only where uv's cache does not lead to what is preferred throughout: whatever
    else an index offers, a solution of nothing but preferences is the one that is found."""

    def resolve(self, union: Union) -> dict[PackageName, Resolved]:
        """Return the solution that changes least.

        uv takes the index of a package from what is asked for: a package with an index of its own
        that only another one needs is asked for too, in a second pass.

        Raises UnsatisfiableError with uv's words, and what UvProgram raises.
        """
        if self.remembering and (found := self._remembered(union)) is not None:
            return found
        return self._resolve(union)

    def _remembered(self, union: Union) -> dict[PackageName, Resolved] | None:
        preferred = set(union.preferences)
        try:
            found = self._resolve(union, "--offline")
        except (UnsatisfiableError, UpstreamUnavailableError, BuildFailedError):
            return None
        pins = {f"{name}=={one.version}" for name, one in found.items()}
        return found if pins <= preferred else None

    def _resolve(self, union: Union, *options: str) -> dict[PackageName, Resolved]:
        asked = _names(union.requirements)
        solution = self._solve(union, asked, *options)
        if strays := (solution.keys() & self.indexes.named.keys()) - asked:
            more = replace(union, requirements=(*union.requirements, *sorted(strays)))
            return self._solve(more, asked | strays, *options)
        return solution

    def _solve(
        self, union: Union, asked: Collection[PackageName], *options: str
    ) -> dict[PackageName, Resolved]:
        with tempfile.TemporaryDirectory(prefix="lamina-") as name:
            work = Path(name)
            self._write(union, work)
            self.program.call(
                "pip", "compile", work / "union.in", *self._sources(asked, work),
                "--constraint", work / "constraints.txt",
                "--output-file", work / "solution.txt",
                "--find-links", work / "known",
                "--config-file", work / "uv.toml",
                "--annotation-style", "line", "--no-header",
                *self._options(), *options,
            )  # fmt: skip
            return _solution((work / "solution.txt").read_text(encoding="utf-8"))

    def files(self, pins: Iterable[str]) -> dict[Artifact, str]:
        """Return the one file of each pinned package that installs here, with its address."""
        wanted = sorted(pins)
        if not wanted:
            return {}
        with tempfile.TemporaryDirectory(prefix="lamina-") as name:
            source, target = Path(name) / "pins.in", Path(name) / "pylock.pins.toml"
            fs.write_text(source, "\n".join(wanted) + "\n", durable=False)
            arguments = (
                "pip", "compile", source, *self._sources(_names(wanted), Path(name)),
                "--no-deps", "--format", "pylock.toml",
                "--output-file", target, "--no-header", *self._options(),
            )  # fmt: skip
            try:
                # Finding the versions has just brought all that this needs into uv's cache.
                self.program.call(*arguments, "--offline")
            except (UnsatisfiableError, UpstreamUnavailableError):
                self.program.call(*arguments)
            document = tomllib.loads(target.read_text(encoding="utf-8"))
        return dict(self._file(package) for package in document.get("packages", []))

    def install(self, files: Mapping[Artifact, str], prefix: Path) -> None:
        """Install exactly these files into a prefix, their digests checked by uv.

        Raises IntegrityError, BuildFailedError, StorageError, UpstreamUnavailableError.
        """
        with tempfile.TemporaryDirectory(prefix="lamina-") as name:
            lock = Path(name) / "pylock.toml"
            settings = PylockSettings(indexes=self.indexes.addresses)
            fs.write_text(lock, dump_pylock(files, files, settings), durable=False)
            self.program.call(
                "pip", "install", "--requirement", lock,
                "--no-deps", "--prefix", prefix, "--python", self.python,
                *install_options(files, self.indexes.addresses),
            )  # fmt: skip

    def _options(self) -> list[str | Path]:
        newer = ["--exclude-newer", self.exclude_newer] if self.exclude_newer else []
        return ["--python", self.python, "--quiet", *newer]

    def _sources(self, asked: Collection[PackageName], work: Path) -> list[Path]:
        """Write what gives packages an index of their own: uv reads that of a project only."""
        named = {name: self.indexes.named[name] for name in asked if name in self.indexes.named}
        if not named:
            return []
        used = {index: self.indexes.addresses[index] for index in named.values()}
        lines = [
            "[project]",
            f"name = {toml_text(PROJECT_NAME)}",
            'version = "0"',
            f"requires-python = {toml_text(f'>={self.series}')}",
            f"dependencies = {toml_texts(sorted(named))}",
            *source_lines(used, named),
        ]
        path = work / "pyproject.toml"
        fs.write_text(path, "\n".join(lines) + "\n", mode=0o600, durable=False)
        return [path]

    def _write(self, union: Union, work: Path) -> None:
        for name, lines in (
            ("union.in", union.requirements),
            ("constraints.txt", union.constraints),
            # uv prefers what an output file that is there already has.
            ("solution.txt", union.preferences),
        ):
            fs.write_text(work / name, "\n".join(lines) + "\n", durable=False)
        fs.write_text(work / "uv.toml", _metadata(union.known), durable=False)
        fs.make_directory(work / "known")
        for one in union.known:
            # Never opened: uv.toml says all there is to know. It makes the version exist.
            wheel = f"{one.name.replace('-', '_')}-{one.version}-py3-none-any.whl"
            fs.touch(work / "known" / wheel)

    def _file(self, package: Mapping[str, Any]) -> tuple[Artifact, str]:
        candidates: list[dict[str, Any]] = package.get("wheels", [])
        chosen = min(candidates, key=self._rank, default=None) or package.get("sdist")
        if chosen is None:
            what = f"{package['name']} {package.get('version', '')}"
            raise LaminaError(f"{what}: the index has no file that lamina can install")
        digest = chosen.get("hashes", {}).get("sha256")
        if digest is None:
            raise IntegrityError(f"{_filename(chosen)}: the index gives no SHA-256 of it")
        name = canonicalize_name(package["name"])
        artifact = Artifact(
            package=name,
            version=package["version"],
            index=self.indexes.of(name),
            filename=_filename(chosen),
            sha256=parse_sha256(digest),
            size=chosen.get("size"),
        )
        address = chosen.get("url") or Path(chosen["path"]).absolute().as_uri()
        return artifact, with_credentials(address, self.indexes.addresses[artifact.index])

    def _rank(self, wheel: Mapping[str, Any]) -> int:
        """Return how far down the list of the interpreter's tags a wheel stands."""
        floor = SystemFloor(glibc=_glibc(), macos=(99, 0))
        order = {
            tag: at
            for at, tag in enumerate(Target(current_platform(), self.series).wheel_tags(floor))
        }
        tags = parse_wheel_filename(_filename(wheel))[3]
        return min((order[tag] for tag in tags if tag in order), default=len(order))


def _names(requirements: Iterable[str]) -> set[PackageName]:
    return {parse_package_name(Requirement(one).name) for one in requirements}


def _glibc() -> tuple[int, int]:
    try:
        words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (ValueError, OSError):
        return SystemFloor().glibc
    major, _, minor = words[-1].partition(".") if words else ("", "", "")
    return (int(major), int(minor)) if minor.isdecimal() else SystemFloor().glibc


def _filename(chosen: Mapping[str, Any]) -> str:
    given = chosen.get("name")
    return (
        str(given)
        if given
        else unquote(urlsplit(chosen.get("url") or chosen["path"]).path).rsplit("/", 1)[-1]
    )


def _metadata(known: Iterable[KnownPackage]) -> str:
    """Return a uv.toml that states the dependencies of what is known."""
    lines: list[str] = []
    for one in known:
        lines += [
            "[[dependency-metadata]]",
            f"name = {toml_text(one.name)}",
            f"version = {toml_text(one.version)}",
            f"requires-dist = {toml_texts(one.requires)}",
            f"provides-extra = {toml_texts(one.extras)}",
        ]
    return "\n".join(lines) + "\n"


def _solution(text: str) -> dict[PackageName, Resolved]:
    """Read ``name==version   # via a, b, -r file`` lines."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)==(\S+)(?:\s*;[^#]*)?(?:\s+#\s*via\s+(.*))?", line)
        if match is None:
            continue
        via = [one.strip() for one in (match[3] or "").split(",")]
        name = canonicalize_name(match[1])
        found[name] = Resolved(
            name=name,
            version=match[2],
            via=tuple(
                canonicalize_name(re.sub(r"\[.*", "", one))
                for one in via
                if one and not one.startswith(("-", PROJECT_NAME))
            ),
        )
    return found
