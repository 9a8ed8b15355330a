"""Resolutions made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.engines.uv_lock import UvDependency, UvFile, UvLock, UvPackage
from lamina.model.digests import digest_of_bytes
from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INDEX = "https://index.example.org/simple"


def needs(
    name: str, marker: str | None = None, *, version: str | None = None, extras: Sequence[str] = ()
) -> UvDependency:
    """Return an edge."""
    return UvDependency(
        name=parse_package_name(name), version=version, extras=tuple(extras), marker=marker
    )


def file(filename: str) -> UvFile:
    """Return a file whose digest is that of its name."""
    return UvFile(
        filename=filename,
        address=f"https://index.example.org/files/{filename}",
        sha256=digest_of_bytes(filename.encode()),
        uploaded="2026-01-01T00:00:00Z",
    )


def package(
    name: str,
    version: str = "1.0",
    *dependencies: UvDependency,
    tags: Sequence[str] = ("py3-none-any",),
    optional: Mapping[str, tuple[UvDependency, ...]] | None = None,
    sdist: bool = False,
) -> UvPackage:
    """Return a package with a wheel for each tag."""
    return UvPackage(
        name=parse_package_name(name),
        version=version,
        registry=INDEX,
        dependencies=dependencies,
        optional=optional or {},
        wheels=tuple(file(f"{name}-{version}-{tag}.whl") for tag in tags),
        sdist=file(f"{name}-{version}.tar.gz") if sdist else None,
    )


def resolution(asked: Sequence[UvDependency], *packages: UvPackage) -> UvLock:
    """Return a resolution of a stack that asks for ``asked``."""
    return UvLock(project=package("stack", "0", *asked), packages=packages)
