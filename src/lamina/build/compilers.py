"""The compilers of this machine as a channel of their own, for where no channel has any.

Its packages hold no compiler: being activated, they name the one that is installed.
"""

from __future__ import annotations

import platform as machine
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.archive.package import Package
from lamina.archive.writing import write_conda
from lamina.channel.index import index_channel
from lamina.core import fs
from lamina.core.errors import NotSupportedError
from lamina.core.run import base_environment, run
from lamina.model.digests import digest_of_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.model.platforms import Platform

_VERSION = re.compile(r"\d+(?:\.\d+)+")
_MOMENT = datetime(1980, 1, 1, tzinfo=UTC)
_LANGUAGES = {
    "c": (("gcc", "cc", "clang"), "CC", "CFLAGS"),
    "cxx": (("g++", "c++", "clang++"), "CXX", "CXXFLAGS"),
    "fortran": (("gfortran",), "FC", "FFLAGS"),
}
"""As ``compiler()`` in a recipe has it: programs, and the variables that name one and its flags."""
_TOOLS = ("cmake", "make", "ninja", "pkg-config", "git", "patchelf")
"""Taken from the machine where no other channel has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCompilers:
    """What makes recipes use the compilers of this machine."""

    channel: Path
    fixed: Mapping[str, str]
    """Keys of variants: what ``compiler()`` and ``stdlib()`` are to name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """A program of this machine."""

    language: str
    """Empty for a tool."""
    name: str
    path: str
    version: str


def system_compilers(
    directory: Path, platform: Platform, environ: Mapping[str, str]
) -> SystemCompilers:
    """Return the compilers of this machine, as a channel below ``directory``.

    Raises NotSupportedError where there is no C compiler, or the system is not Linux.
    """
    if not platform.startswith("linux-"):
        raise NotSupportedError(
            "the compilers of the system can be used on Linux only",
            hints=["name a channel that has compilers: --channel"],
        )
    programs = list(_programs(environ))
    if not any(one.language == "c" for one in programs):
        raise NotSupportedError(
            "there is no C compiler on this machine", hints=["apt-get install gcc g++"]
        )
    glibc = machine.libc_ver()[1] or "2.17"
    facts = [[one.language, one.name, one.path, one.version] for one in programs]
    channel = directory / digest_of_value([facts, glibc, platform, 1])[:16]
    if not (channel / "noarch" / "repodata.json").is_file():
        _write(channel, programs, glibc, platform)
    fixed = {"c_stdlib": "lamina_system_stdlib", "c_stdlib_version": glibc}
    for one in programs:
        if one.language:
            fixed[f"{one.language}_compiler"] = f"lamina_system_{one.language}"
            fixed[f"{one.language}_compiler_version"] = one.version
    return SystemCompilers(channel=channel, fixed=fixed)


def _programs(environ: Mapping[str, str]) -> Iterator[_Program]:
    path = environ.get("PATH")
    for language, (names, _, _) in _LANGUAGES.items():
        found = next((one for name in names if (one := shutil.which(name, path=path))), None)
        if found:
            version = _version(found, environ)
            yield _Program(language=language, name=language, path=found, version=version)
    for name in _TOOLS:
        if found := shutil.which(name, path=path):
            version = _version(found, environ)
            yield _Program(language="", name=name, path=found, version=version)


def _version(path: str, environ: Mapping[str, str]) -> str:
    said = run([path, "--version"], env=base_environment(environ), check=False, timeout=60).stdout
    found = _VERSION.findall(said.partition("\n")[0])
    return found[-1] if found else "0"


def _write(channel: Path, programs: list[_Program], glibc: str, platform: Platform) -> None:
    """Write the packages, each for builds on this platform, and index them."""
    fs.make_directory(channel / "noarch")
    with tempfile.TemporaryDirectory(prefix="lamina-compilers-") as name:
        stage = Path(name)
        for one in programs:
            top = stage / one.name
            fs.make_directory(top)
            called = f"lamina_system_{one.name}_{platform}" if one.language else one.name
            if one.language:
                _write_activation(top / "etc" / "conda" / "activate.d" / f"{called}.sh", one)
            # What is compiled here runs where the C library is as new as it is here.
            exports = {"strong": (f"__glibc >={glibc}",)} if one.language else {}
            package = _package(called, one.version, exports)
            write_conda(package, top, channel / "noarch")
        empty = stage / "stdlib"
        fs.make_directory(empty)
        library = f"lamina_system_stdlib_{platform}"
        write_conda(_package(library, glibc, {}), empty, channel / "noarch")
    index_channel(channel)


def _package(name: str, version: str, exports: Mapping[str, tuple[str, ...]]) -> Package:
    return Package(
        name=name,
        version=version,
        build="system_0",
        subdir="noarch",
        noarch="generic",
        run_exports=exports,
        summary="Stands for a program of the system",
        moment=_MOMENT,
    )


def _write_activation(path: Path, program: _Program) -> None:
    _, variable, flags = _LANGUAGES[program.language]
    lines = [
        f'export {variable}="{program.path}"',
        f'export {flags}="-O2 -fPIC -I$PREFIX/include -ffile-prefix-map=$SRC_DIR=. ${{{flags}:-}}"',
        'export LDFLAGS="-Wl,-rpath,$PREFIX/lib -L$PREFIX/lib ${LDFLAGS:-}"',
    ]
    fs.make_directory(path.parent)
    fs.write_text(path, "\n".join(lines) + "\n", durable=False)
