"""The packages of a set that ought to be closed: what is locked, or what is installed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import PathDistribution
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from lamina.core.errors import LaminaError
from lamina.core.http import HttpClient
from lamina.engines.index_addresses import cache_directory
from lamina.engines.index_pages import project_files
from lamina.lock.chains import requirement_of
from lamina.model.names import OF_NO_INDEX, parse_package_name
from lamina.resolve.metadata import (
    FileMetadata,
    MetadataCache,
    MetadataReader,
    headers_of,
    parse_metadata,
)
from lamina.resolve.project import index_addresses
from lamina.resolve.selection import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lamina.engines.index_pages import Offer
    from lamina.lock.document import Lock
    from lamina.model.artifacts import Artifact
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.stack.document import Stack

_OF_CONDA = FileMetadata(requirements=(), is_final=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One package, at the one version that is there."""

    name: PackageName
    version: Version
    metadata: FileMetadata
    file: str = ""
    """The name of its file, empty where nobody knows it."""
    tags: frozenset[str] | None = None
    """The tags of its wheel, None where it was built from sources or has none."""
    of_conda: bool = False
    """It is inside of a conda package, and comes and goes with that."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


Members = dict["PackageName", Member]


def locked_members(
    stack: Stack, lock: Lock, targets: Iterable[Target], environ: Mapping[str, str]
) -> dict[Target, Members]:
    """Return what a lock has for each target, with the metadata of its files.

    What was read once is kept; for the rest the index is asked. Raises LaminaError when it does not
    have a file any more, IntegrityError, UpstreamUnavailableError.
    """
    artifacts = {target: lock.artifacts_for(target) for target in targets}
    files = {one for many in artifacts.values() for one in many}
    read = _metadata(stack, {one for one in files if one.index not in OF_NO_INDEX}, environ)
    read |= _of_no_index(lock, files, environ)
    return {
        target: _of_conda(lock, target)
        | {
            one.package: Member(
                name=one.package,
                version=Version(one.version),
                metadata=read[one],
                file=one.filename,
                tags=tags_of(one.filename),
            )
            for one in many
        }
        for target, many in artifacts.items()
    }


def _of_conda(lock: Lock, target: Target) -> Members:
    """Return the packages that conda packages bring; their dependencies are conda's matter."""
    return {
        each.name: Member(
            name=each.name, version=Version(each.version), metadata=_OF_CONDA, of_conda=True
        )
        for one in lock.conda_for(target)
        for each in one.provides
    }


def _of_no_index(
    lock: Lock, artifacts: Iterable[Artifact], environ: Mapping[str, str]
) -> dict[Artifact, FileMetadata]:
    """Return what packages of no index said when they were locked here, else the word of the lock.

    That has no ranges.
    """
    cache = MetadataCache(cache_directory(environ))
    origins = {(one.name, one.version): one for one in lock.packages if one.origin is not None}
    found = {}
    for one in artifacts:
        package = origins.get((one.package, one.version))
        if package is not None and one.index in OF_NO_INDEX:
            known = cache.read(one.filename, one.sha256)
            found[one] = known or FileMetadata(
                requirements=tuple(
                    Requirement(requirement_of(each)) for each in package.dependencies
                ),
                is_final=True,
            )
    return found


def _metadata(
    stack: Stack, artifacts: Iterable[Artifact], environ: Mapping[str, str]
) -> dict[Artifact, FileMetadata]:
    cache = MetadataCache(cache_directory(environ))
    kept = {one: cache.read(one.filename, one.sha256) for one in artifacts}
    found = {one: metadata for one, metadata in kept.items() if metadata is not None}
    if missing := [one for one in kept if one not in found]:
        addresses = index_addresses(stack, environ)
        with HttpClient(environ) as client, ThreadPoolExecutor(16) as pool:
            reader = MetadataReader(client, cache_directory(environ))

            def read(one: Artifact) -> FileMetadata:
                offers = project_files(client, addresses[one.index], one.package)
                return reader.read(_offer(one, offers))

            found |= dict(zip(missing, pool.map(read, missing), strict=True))
    return found


def _offer(artifact: Artifact, offers: Mapping[str, list[Offer]]) -> Offer:
    """Return the file that was locked; its digest says that it is the same one."""
    for one in offers.get(artifact.filename, []):
        if one.sha256 in {artifact.sha256, None}:
            return one
    raise LaminaError(
        f"the index {artifact.index!r} does not offer {artifact.filename} as it was locked",
        hints=[f"lamina lock --upgrade-package {artifact.package}"],
    )


def installed_members(
    places: Iterable[Path], files: Mapping[tuple[PackageName, Version], str]
) -> tuple[Members, list[str]]:
    """Return what is installed in some directories, and what there does not count, with the reason.

    ``files`` are the names of files that are known to have been installed: a wheel is for what its
    file name says, also where the WHEEL inside says something else. The first of two copies counts,
    as for Python's own search.
    """
    members: Members = {}
    passed_over: list[str] = []
    for place in places:
        for info in sorted(place.glob("*.*-info")):
            one = _installed(info, files)
            if one is None:
                passed_over.append(f"{info.name}: its metadata cannot be read")
            elif one.name in members:
                passed_over.append(f"{info.name}: there is {members[one.name]} before it")
            else:
                members[one.name] = one
    return members, passed_over


def _installed(info: Path, files: Mapping[tuple[PackageName, Version], str]) -> Member | None:
    content = _content(info)
    headers = headers_of(content)
    try:
        name = parse_package_name(headers.get("name", [""])[0])
        version = Version(headers.get("version", [""])[0])
        metadata = parse_metadata(content)
    except (InvalidVersion, ValueError):
        return None
    file = files.get((name, version), "")
    return Member(
        name=name,
        version=version,
        metadata=replace(metadata, is_final=True),
        file=file,
        tags=tags_of(file) if file else frozenset(_tags_inside(info)) or None,
    )


def _content(info: Path) -> bytes:
    """Return the metadata of an installed distribution, empty where there is none."""
    if info.suffix == ".egg-info":
        old = PathDistribution(info)
        needs = [f"Requires-Dist: {one}" for one in old.requires or ()]
        head = (old.read_text("PKG-INFO") or "").partition("\n\n")[0].rstrip("\n")
        return "\n".join([head, *needs, "", ""]).encode()
    try:
        return (info / "METADATA").read_bytes()
    except OSError:
        return b""


def _tags_inside(info: Path) -> Iterator[str]:
    try:
        text = (info / "WHEEL").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "Tag":
            yield value.strip()
