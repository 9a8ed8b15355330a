"""What lamina.toml orders of each package that is built from source."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.model.digests import digest_of_bytes
from lamina.model.told_versions import all_told
from lamina.stack.builds import BUILD_HOOKS, HookTable
from lamina.stack.document import PackageEntry
from lamina.stack.files import STACK_NAME, check_patches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.lock.document import Lock, LockedOrigin
    from lamina.model.artifacts import Artifact
    from lamina.model.digests import Sha256
    from lamina.model.names import PackageName
    from lamina.model.platforms import Platform, Target
    from lamina.stack.builds import BuildTable
    from lamina.stack.document import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A patch of the stack's author, as it was when the order was made."""

    name: str
    """As lamina.toml has it."""
    content: bytes

    @property
    def sha256(self) -> Sha256:
        """The digest of its content."""
        return digest_of_bytes(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One package to build: its source and all that is to be done to it."""

    artifact: Artifact
    origin: LockedOrigin | None = None
    """Where its sources are, for one that is of no index."""
    requires: tuple[str, ...] = ()
    env: Mapping[str, str]
    config: Mapping[str, str | list[str]] = field(default_factory=dict)
    """Settings for the build back end."""
    patches: tuple[Patch, ...] = ()
    hooks: Mapping[str, str]
    """Those of the build, by their names: ``pre-build``."""
    system: tuple[str, ...] = ()
    isolated: bool = False
    bootstrap: bool = False
    """Others are built with a wheel of the index instead of what is built here."""

    @property
    def name(self) -> PackageName:
        """The package."""
        return self.artifact.package

    @property
    def subdirectory(self) -> str:
        """Where in its sources it is; empty: at their top."""
        return (self.origin.subdirectory if self.origin else None) or ""


def orders_of(
    stack: Stack, lock: Lock, target: Target, directory: Path
) -> dict[PackageName, Order]:
    """Return what is to be built of a lock for a target; raises DocumentError for its patches.

    ``directory``: that of lamina.toml, beside which the patches are.
    """
    found: dict[PackageName, Order] = {}
    origins = {one.name: one.origin for one in lock.packages_for(target)}
    builds = list(lock.source_builds(target))
    check_patches(stack, directory / STACK_NAME, {one.package for one in builds})
    for artifact in builds:
        entry = stack.packages.get(artifact.package) or PackageEntry()
        hooks = stack.hooks.get(artifact.package) or HookTable()
        found[artifact.package] = Order(
            artifact=artifact,
            origin=origins[artifact.package],
            requires=entry.requires,
            config={
                key: one if isinstance(one, str) else list(one) for key, one in entry.config.items()
            },
            env={**_told(artifact, origins[artifact.package]), **entry.env},
            patches=tuple(_patch(text, directory / text) for text in entry.patches),
            hooks=hooks.of(*BUILD_HOOKS),
            system=entry.system,
            isolated=entry.isolated,
            bootstrap=entry.bootstrap is not None,
        )
    return found


def _told(artifact: Artifact, origin: LockedOrigin | None) -> dict[str, str]:
    return all_told(artifact.package, artifact.version) if origin is not None else {}


def _patch(name: str, path: Path) -> Patch:
    return Patch(name=name, content=path.read_bytes())


def flags_of(table: BuildTable, platform: Platform) -> dict[str, str]:
    """Return the variables by which compilers get their flags on a platform.

    Those of the environment of whoever builds do not count: they are no part of the stack.
    """
    level = table.march_on(platform)
    march = [f"-march={level}"] if level else []
    flags = {
        "CFLAGS": [*march, *table.cflags],
        "CXXFLAGS": [*march, *(table.cxxflags or table.cflags)],
        "FFLAGS": march,
        "LDFLAGS": list(table.ldflags),
        "RUSTFLAGS": ["-C", f"target-cpu={level}"] if level else [],
    }
    return {name: " ".join(words) for name, words in flags.items() if words}


def cores() -> int:
    """Return on how many cores this process may run: a batch system may give it a few only."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return allowed or 1
