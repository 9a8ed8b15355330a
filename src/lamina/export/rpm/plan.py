"""Which RPMs a release becomes, and what each of them is called, needs and holds."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lamina.core.errors import ConflictError, UsageError
from lamina.engines.rpm_package import NAME, RpmFile, RpmPackage
from lamina.export.rpm.shape import arch_of, version_of
from lamina.model.digests import digest_of_bytes
from lamina.model.rpm_versions import rpm_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.export.rpm.needs import Needs
    from lamina.export.rpm.owners import Owned, Owner
    from lamina.export.rpm.shape import Shape
    from lamina.release.mtree import Entry

_DIGITS = 10
"""Of a digest, in the release of an RPM."""


def plan_rpms(
    shape: Shape, entries: Mapping[str, Entry], owned: Owned, needs: Needs
) -> list[RpmPackage]:
    """Return the RPMs, the metapackage last; each file is in exactly one of them.

    Raises UsageError for a name or version that RPM cannot have, ConflictError for two packages
    that get one name.
    """
    if shape.split == "whole":
        return [_meta(shape, list(entries), entries, requires=(), obsoletes=())]
    shares: dict[Owner | None, list[str]] = defaultdict(list)
    for path, entry in entries.items():
        if entry.kind != "dir" or path in needs.empty:
            shares[owned.paths.get(path)].append(path)
    packages = [
        _package(shape, owner, shares[owner], entries, needs) for owner in sorted(owned.owners)
    ]
    _check_names(packages)
    exact = tuple(f"{one.name} = {one.full_version}" for one in packages)
    return [*packages, _meta(shape, shares[None], entries, requires=exact, obsoletes=needs.former)]


def _package(
    shape: Shape, owner: Owner, paths: list[str], entries: Mapping[str, Entry], needs: Needs
) -> RpmPackage:
    return _named(
        RpmPackage(
            name=shape.name_of(owner.kind, owner.name),
            version=version_of(owner.kind, owner.name, owner.version),
            release="",
            arch=arch_of(shape.platform),
            summary=f"{owner.name} of the stack {shape.stack}",
            licence=owner.licence or needs.licences.get(owner, "unknown"),
            seconds=shape.clamped(needs.times.get(owner)),
            prefix=shape.prefix,
            relocatable=shape.relocatable,
            relocates=False,
            requires=needs.edges.get(owner, ()),
            obsoletes=(),
            files=_files(shape.prefix, paths, entries),
        ),
        entries,
    )


def _meta(
    shape: Shape,
    paths: list[str],
    entries: Mapping[str, Entry],
    *,
    requires: tuple[str, ...],
    obsoletes: tuple[str, ...],
) -> RpmPackage:
    return _named(
        RpmPackage(
            name=shape.stem,
            version=rpm_version(shape.version),
            release="",
            arch=arch_of(shape.platform),
            summary=f"The stack {shape.stack}",
            licence="various",
            seconds=shape.clamped(shape.seconds),
            prefix=shape.prefix,
            relocatable=shape.relocatable,
            relocates=shape.relocatable,
            requires=requires,
            obsoletes=obsoletes,
            files=_files(shape.prefix, paths, entries),
        ),
        entries,
    )


def _files(prefix: str, paths: Iterable[str], entries: Mapping[str, Entry]) -> tuple[RpmFile, ...]:
    """Return files and links, and each directory that one of them is in."""
    wanted = set(paths)
    above = {str(one) for path in wanted for one in PurePosixPath(path).parents}
    found = [RpmFile(path=prefix, kind="dir", mode=0o755)]
    for path in sorted((wanted | above) - {"."}):
        one = entries[path]
        whole = f"{prefix}/{path}"
        found.append(RpmFile(path=whole, kind=one.kind, mode=one.mode, target=one.target))
    return tuple(found)


def _named(package: RpmPackage, entries: Mapping[str, Entry]) -> RpmPackage:
    """Return it with its release: a digest of all that is in it, so that the same is the same."""
    if not NAME.fullmatch(package.name):
        raise UsageError(f"{package.name!r} cannot be the name of an RPM")
    skip = len(package.prefix) + 1
    value = dataclasses.asdict(package)
    value["digests"] = [
        entries[one.path[skip:]].sha256 for one in package.files if one.kind == "file"
    ]
    # Names of files can have bytes that are no text.
    digest = digest_of_bytes(json.dumps(value, sort_keys=True).encode("ascii"))
    return dataclasses.replace(package, release=f"1.{digest[:_DIGITS]}")


def _check_names(packages: Iterable[RpmPackage]) -> None:
    seen: set[str] = set()
    for one in packages:
        if one.name in seen:
            raise ConflictError(
                f"two packages would be {one.name}", hints=["--whole makes one RPM of all"]
            )
        seen.add(one.name)
