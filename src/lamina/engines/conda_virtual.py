"""Virtual packages: what a platform brings along, as far as a release may count on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rattler import GenericVirtualPackage, PackageName, Version, VirtualPackage
from rattler.package.build_string import BuildString

from lamina.engines.conda_boundary import guarded
from lamina.model.platforms import Platform, SystemFloor
from lamina.model.processors import archspec_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_MACHINES = {
    Platform.LINUX_64: "x86_64",
    Platform.LINUX_AARCH64: "aarch64",
    Platform.OSX_64: "x86_64",
    Platform.OSX_ARM64: "m1",
    Platform.WIN_64: "x86_64",
}

_OF_THE_MACHINE = ("__glibc", "__linux", "__cuda", "__osx")


def virtual_packages(
    platform: Platform,
    *,
    floor: SystemFloor | None = None,
    march: str | None = None,
    overrides: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return name -> version (or ``version=build``) of what a platform has, never this machine.

    ``march`` is the micro-architecture that it may count on, the platform's plain one where None;
    ``overrides`` add or replace, such as ``{"__cuda": "12.4"}``; an empty version takes away.
    """
    oldest = floor or SystemFloor()
    found = {"__archspec": f"1={archspec_name(march) if march else _MACHINES[platform]}"}
    match platform:
        case Platform.LINUX_64 | Platform.LINUX_AARCH64:
            glibc = ".".join(map(str, oldest.glibc))
            found |= {"__unix": "0", "__linux": "4.18", "__glibc": glibc}
        case Platform.OSX_64 | Platform.OSX_ARM64:
            found |= {"__unix": "0", "__osx": ".".join(map(str, oldest.macos))}
        case Platform.WIN_64:
            found |= {"__win": "0"}
    found |= overrides or {}
    return {name: version for name, version in sorted(found.items()) if version}


def machine_packages(platform: Platform, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what this machine has, for what is used here alone.

    ``CONDA_OVERRIDE_GLIBC`` and ``CONDA_OVERRIDE_CUDA`` count as they do for conda; the processor
    is the platform's plain one, so that the same is chosen on all machines of a cluster.
    """
    found: dict[str, str] = {}
    for one in guarded(VirtualPackage.detect, "what this machine has"):
        name, version, _ = str(one.into_generic()).split("=", 2)
        if name in _OF_THE_MACHINE:
            found[name] = version
    for name in _OF_THE_MACHINE:
        variable = f"CONDA_OVERRIDE_{name.strip('_').upper()}"
        if variable in environ:
            found[name] = environ[variable]
    return virtual_packages(platform, overrides=found)


def to_engine(packages: Mapping[str, str]) -> list[GenericVirtualPackage]:
    """Return virtual packages as the engine's; raises UsageError for a version that is none."""

    def make(name: str, text: str) -> GenericVirtualPackage:
        version, _, build = text.partition("=")
        # The engine wants a build, and conda calls none of these "0".
        return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build or "0"))

    return [
        guarded(lambda n=name, v=version: make(n, v), f"{name}={version}")  # type: ignore[misc]
        for name, version in packages.items()
    ]
