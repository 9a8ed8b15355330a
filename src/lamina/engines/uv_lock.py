"""uv's universal resolver: a project is written, ``uv lock`` is run, uv.lock is read."""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lamina.core import fs
from lamina.core.errors import LaminaError
from lamina.core.run import redact
from lamina.engines.index_addresses import filename_of, without_credentials
from lamina.engines.uv_held import (
    HeldPackage,
    extras_not_held,
    held_requirements,
    held_sources,
    write_stand_ins,
)
from lamina.model.digests import Sha256, parse_sha256
from lamina.model.names import IndexName, PackageName, parse_package_name
from lamina.model.toml import toml_text, toml_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from lamina.engines.uv_program import UvProgram

PROJECT_NAME = "lamina-stack-that-is-being-locked"
"""Stands for the stack in uv's messages and in uv.lock; no package has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A version that is kept where nothing speaks against it."""

    name: PackageName
    version: str
    registry: str
    markers: tuple[str, ...] = ()
    """Only where one of these holds; none: everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UvProject:
    """What uv is asked to resolve."""

    requirements: tuple[str, ...]
    """PEP 508, with markers."""
    environments: tuple[str, ...]
    """PEP 508 markers, one for each target; every package needs a file for each of them."""
    requires_python: str
    default_index: str
    indexes: Mapping[IndexName, str] = field(default_factory=dict)
    """Indexes that are used for the packages that name them, and for nothing else."""
    package_indexes: Mapping[PackageName, IndexName] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    excluded: Mapping[PackageName, tuple[PackageName, ...]] = field(default_factory=dict)
    """Package -> dependencies of it that are passed over."""
    prereleases: tuple[PackageName, ...] = ()
    only_binary: bool = True
    only_source: bool = False
    """Every package is taken as a source distribution, but for those that are never built."""
    source: tuple[PackageName, ...] = ()
    """Taken as source distributions; these alone may be built when ``only_binary``."""
    never_built: tuple[PackageName, ...] = ()
    exclude_newer: datetime | None = None
    of_any_time: tuple[PackageName, ...] = ()
    """Packages for which ``exclude_newer`` does not count."""
    preferences: tuple[Preference, ...] = ()
    held: tuple[HeldPackage, ...] = ()
    given: Mapping[PackageName, str] = field(default_factory=dict)
    """Packages of no index, as ``tool.uv.sources`` says where they are."""
    strategy: Literal["highest", "lowest", "lowest-direct"] = "highest"


@dataclass(frozen=True, slots=True, kw_only=True)
class UvFile:
    """A file of a package, with the address that uv has seen."""

    filename: str
    address: str
    sha256: Sha256
    uploaded: str | None
    """ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UvDependency:
    """An edge of uv.lock; ``version`` is there where uv.lock has several of the name."""

    name: PackageName
    version: str | None
    extras: tuple[str, ...]
    marker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UvPackage:
    """A package of uv.lock."""

    name: PackageName
    version: str
    registry: str
    """Address of the index it was taken from, without credentials; empty for the project, for
    what is held, and for what is given."""
    dependencies: tuple[UvDependency, ...]
    optional: Mapping[str, tuple[UvDependency, ...]]
    """Extra -> what it adds."""
    wheels: tuple[UvFile, ...]
    sdist: UvFile | None
    given: bool = False
    """It is of no index, and where the project said."""
    requires: tuple[str, ...] = ()
    """What its metadata say that it needs, PEP 508; of what is given only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UvLock:
    """What uv resolved to."""

    project: UvPackage
    packages: tuple[UvPackage, ...]
    extras_not_held: tuple[tuple[PackageName, str], ...] = ()
    """Extras that are needed of packages that are held: package and extra."""


def resolve_project(project: UvProject, uv: UvProgram, *, python: str) -> UvLock:
    """Resolve for all environments at once.

    ``python`` is the interpreter that runs build back ends where a package may be built; for
    wheels it decides nothing.

    Raises what UvProgram.call raises.
    """
    with tempfile.TemporaryDirectory(prefix="lamina-lock-") as temporary:
        directory = Path(temporary).resolve()
        fs.write_text(directory / "pyproject.toml", dump_project(project), mode=0o600)
        write_stand_ins(project.held, directory)
        if project.preferences:
            fs.write_text(directory / "uv.lock", dump_preferences(project))
        said = uv.call("lock", "--python", python, *_options(project), cwd=directory)
        text = (directory / "uv.lock").read_text(encoding="utf-8")
        lock = read_uv_lock(text, directory, given=project.given)
        return replace(lock, extras_not_held=extras_not_held(said.stderr))


def _options(project: UvProject) -> list[str]:
    options = []
    if project.only_binary:
        options.append("--no-build")
    if project.strategy != "highest":
        options += ["--resolution", project.strategy]
    if project.only_source:
        options.append("--no-binary")
    for name in project.source:
        options += ["--no-binary-package", name]
    for name in project.never_built:
        options += ["--no-build-package", name]
    for name in project.prereleases:
        options += ["--prerelease-package", f"{name}=allow"]
    if project.exclude_newer is not None:
        options += ["--exclude-newer", project.exclude_newer.isoformat().replace("+00:00", "Z")]
        for name in project.of_any_time:
            options += ["--exclude-newer-package", f"{name}=false"]
    return options


def dump_project(project: UvProject) -> str:
    """Return the pyproject.toml that asks uv for the resolution."""
    lines = [
        "[project]",
        f"name = {toml_text(PROJECT_NAME)}",
        'version = "0"',
        f"requires-python = {toml_text(project.requires_python)}",
        f"dependencies = {toml_texts((*project.requirements, *held_requirements(project.held)))}",
        "[tool.uv]",
        "package = false",
        f"environments = {toml_texts(project.environments)}",
        f"required-environments = {toml_texts(project.environments)}",
    ]
    if project.constraints:
        lines.append(f"constraint-dependencies = {toml_texts(project.constraints)}")
    if project.excluded:
        tables = [
            f"{{ package = {{ name = {toml_text(name)} }}, dependencies = {toml_texts(names)} }}"
            for name, names in sorted(project.excluded.items())
        ]
        lines.append(f"exclude-dependencies = [{', '.join(tables)}]")
    held = held_sources(project.held, project.environments, project.package_indexes)
    further = {**project.given, **held}
    lines += source_lines(project.indexes, project.package_indexes, further)
    return "\n".join(lines) + "\n"


def source_lines(
    indexes: Mapping[IndexName, str],
    packages: Mapping[PackageName, IndexName],
    further: Mapping[PackageName, str] | None = None,
) -> list[str]:
    """Return the lines of a pyproject.toml that give packages an index which no other may use."""
    lines = []
    for name, address in sorted(indexes.items()):
        lines += [
            "[[tool.uv.index]]",
            f"name = {toml_text(name)}",
            f"url = {toml_text(address)}",
            "explicit = true",
        ]
    sources = {name: f"{{ index = {toml_text(index)} }}" for name, index in packages.items()}
    sources |= further or {}
    if sources:
        lines.append("[tool.uv.sources]")
        lines += [f"{package} = {source}" for package, source in sorted(sources.items())]
    return lines


def dump_preferences(project: UvProject) -> str:
    """Return a uv.lock that tells uv which versions to prefer, and nothing that it could trust."""
    lines = [
        "version = 1",
        f"requires-python = {toml_text(project.requires_python)}",
        f"resolution-markers = {toml_texts(project.environments)}",
    ]
    for one in project.preferences:
        lines += [
            "[[package]]",
            f"name = {toml_text(one.name)}",
            f"version = {toml_text(one.version)}",
            f"source = {{ registry = {toml_text(one.registry)} }}",
        ]
        if one.markers:
            lines.append(f"resolution-markers = {toml_texts(one.markers)}")
    return "\n".join(lines) + "\n"


def read_uv_lock(text: str, directory: Path, given: Collection[str] = ()) -> UvLock:
    """Return the content of a uv.lock; addresses of local indexes are relative to ``directory``.

    ``given`` are the packages of no index.
    """
    packages = [
        _package(entry, directory, given) for entry in tomllib.loads(text).get("package", [])
    ]
    return UvLock(
        project=next(one for one in packages if one.name == PROJECT_NAME),
        packages=tuple(one for one in packages if one.name != PROJECT_NAME),
    )


def _package(entry: Mapping[str, Any], directory: Path, given: Collection[str]) -> UvPackage:
    registry = entry["source"].get("registry", "")
    is_given = not registry and entry["name"] in given
    sdist = entry.get("sdist")
    return UvPackage(
        name=parse_package_name(entry["name"]),
        version=entry["version"],
        registry=_address(registry, directory) if registry else "",
        dependencies=_dependencies(entry.get("dependencies", ())),
        optional={
            extra: _dependencies(many)
            for extra, many in entry.get("optional-dependencies", {}).items()
        },
        wheels=tuple(_file(one, directory / registry) for one in entry.get("wheels", ()))
        if registry
        else (),
        sdist=_file(sdist, directory / registry) if sdist and registry else None,
        given=is_given,
        requires=_required(entry) if is_given else (),
    )


def _required(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the requirements of a package of no index, which uv.lock has in full."""
    found = []
    for one in entry.get("metadata", {}).get("requires-dist", ()):
        extras = f"[{','.join(one['extras'])}]" if one.get("extras") else ""
        marker = f" ; {one['marker']}" if one.get("marker") else ""
        found.append(f"{one['name']}{extras}{one.get('specifier', '')}{marker}")
    return tuple(found)


def _dependencies(entries: Iterable[Mapping[str, Any]]) -> tuple[UvDependency, ...]:
    return tuple(
        UvDependency(
            name=parse_package_name(one["name"]),
            version=one.get("version"),
            extras=tuple(one.get("extra", ())),
            marker=one.get("marker"),
        )
        for one in entries
    )


def _file(entry: Mapping[str, Any], registry: Path) -> UvFile:
    address = entry["url"] if "url" in entry else (registry / entry["path"]).resolve().as_uri()
    if "hash" not in entry:
        raise LaminaError(
            f"the index gives no digest of {filename_of(address)}: {redact(address)}",
            hints=["let the page link to the file as FILE#sha256=DIGEST"],
        )
    return UvFile(
        filename=filename_of(address),
        address=address,
        sha256=parse_sha256(entry["hash"]),
        uploaded=entry.get("upload-time"),
    )


def _address(registry: str, directory: Path) -> str:
    """Return an address to compare with; uv writes local indexes as relative paths."""
    if "://" not in registry:
        return (directory / registry).resolve().as_uri()
    return comparable(registry)


def comparable(address: str) -> str:
    """Return an index's address without what makes no difference."""
    return without_credentials(address).rstrip("/")
