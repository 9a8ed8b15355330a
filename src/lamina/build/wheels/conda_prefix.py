"""The conda packages of a stack, installed for builds: once for each set of them.

Builds find headers, libraries and programs there, and the distributions that it has of the index.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina._target.conda_environment import environment_after, without_kept
from lamina.core import fs, report
from lamina.core.errors import BuildFailedError, ConflictError
from lamina.core.hold import hold
from lamina.core.run import base_environment
from lamina.engines.interpreters import inspect_interpreter
from lamina.model.digests import digest_of_value
from lamina.release.conda_part import fetch_conda

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.engines.interpreters import Interpreter
    from lamina.lock.conda import LockedConda
    from lamina.lock.document import Lock
    from lamina.model.platforms import Target
    from lamina.release.conda_supply import CondaSupply

_OF_A_SHELL = frozenset({"_", "HOME", "SHLVL", "PWD", "OLDPWD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaPrefix:
    """An installed set of conda packages, Python among them."""

    path: Path
    interpreter: Interpreter
    packages: tuple[LockedConda, ...]
    variables: Mapping[str, str]
    """By which builds find it, PATH included, as whoever enters it would have them."""

    def inputs(self) -> list[dict[str, str]]:
        """Return the packages as the provenance of a build has them."""
        return [
            {"name": one.name, "version": one.version, "build": one.build, "sha256": one.sha256}
            for one in sorted(self.packages, key=lambda one: one.name)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixRequest:
    """Which conda packages to install for builds."""

    lock: Lock
    target: Target
    supply: CondaSupply
    directory: Path
    """Where such prefixes are kept."""
    environ: Mapping[str, str]
    allow_clobber: bool = False


def open_prefix(request: PrefixRequest) -> CondaPrefix:
    """Return the prefix of a lock's conda packages, installed where it is not there.

    Raises what fetching and installing them raise, ConflictError while somebody else installs it,
    BuildFailedError where its Python does not run.
    """
    packages = tuple(request.lock.conda_for(request.target))
    path = request.directory / _digest(packages, request)[:24]
    interpreter = _python_of(path, request)
    if interpreter is None:
        _install(path, packages, request)
        interpreter = _python_of(path, request)
    if interpreter is None:
        raise BuildFailedError(
            f"the Python of the conda packages in {path} does not run on this machine, or is not "
            f"for {request.target}"
        )
    return CondaPrefix(
        path=path,
        interpreter=interpreter,
        packages=packages,
        variables=_variables(path, request.environ),
    )


def _digest(packages: tuple[LockedConda, ...], request: PrefixRequest) -> str:
    files = sorted(one.sha256 for one in packages)
    return digest_of_value([str(request.target), files, request.allow_clobber])


def _python_of(path: Path, request: PrefixRequest) -> Interpreter | None:
    found = inspect_interpreter(path / "bin" / "python", request.environ)
    return found if found is not None and found.series == request.target.python else None


def _install(path: Path, packages: tuple[LockedConda, ...], request: PrefixRequest) -> None:
    from lamina.engines.conda_install import STAGE_MARK, InstallRequest, install_new

    fs.make_directory(path.parent)
    with hold(path.with_name(f"{path.name}.lock"), f"pid {os.getpid()}") as other:
        if other is not None:
            raise ConflictError(
                f"the conda packages of this stack are being installed for builds by "
                f"{other.owner} on {other.host}",
                hints=["wait for it; they are then there"],
            )
        for left in (path, *path.parent.glob(f".{path.name}{STAGE_MARK}*")):
            fs.remove_tree(left)  # Of somebody who was killed, or damaged.
        install_new(
            InstallRequest(
                archives=fetch_conda(packages, request.supply, request.environ),
                prefix=path,
                platform=request.target.platform,
                allow_clobber=request.allow_clobber,
            )
        )


def _variables(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what compilers read, and what scripts of the packages set for those who enter."""
    base = base_environment(environ)
    search = os.pathsep.join([str(path / "bin"), base.get("PATH", os.defpath)])
    modules = os.pathsep.join(str(path / one / "pkgconfig") for one in ("lib", "share"))
    before = {"PATH": search, "HOME": base.get("HOME", "/")}
    entered, _ = environment_after("activate", [str(path)], before, warn=report.warn)
    headers, libraries = str(path / "include"), str(path / "lib")
    return {
        "C_INCLUDE_PATH": headers,
        "CPLUS_INCLUDE_PATH": headers,
        "LIBRARY_PATH": libraries,
        "LD_RUN_PATH": libraries,
        "PKG_CONFIG_PATH": modules,
        "CMAKE_PREFIX_PATH": str(path),
        **{name: text for name, text in without_kept(entered).items() if name not in _OF_A_SHELL},
    }
