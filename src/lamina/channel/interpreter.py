"""CPython as conda packages: ``python``, and the ``python_abi`` that compiled modules name."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.archive.package import PLACEHOLDER, Package
from lamina.archive.writing import write_conda
from lamina.core import fs
from lamina.release.bundle import bundle_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lamina.engines.interpreters import Interpreter
    from lamina.model.platforms import Platform, PythonSeries

_GLIBC = re.compile(rb"GLIBC_2\.(\d+)\b")


def package_interpreter(
    interpreter: Interpreter,
    directory: Path,
    work: Path,
    *,
    platform: Platform,
    moment: datetime,
    environ: Mapping[str, str],
) -> list[Path]:
    """Write the packages of an interpreter into ``directory``; return the archives.

    It finds its libraries beside itself and may be installed anywhere. Raises what
    ``bundle_interpreter`` raises.
    """
    stage = work / "python"
    bundle_interpreter(interpreter, stage, final=Path(PLACEHOLDER), environ=environ)
    series = interpreter.series
    _add_site(stage, series)
    abi = abi_spec(series)
    python = Package(
        name="python",
        version=interpreter.version,
        build=f"h{content_digest(stage)}_0_cpython",
        subdir=str(platform),
        depends=glibc_of(stage),
        constrains=(abi,),
        license="Python-2.0",
        summary="The Python programming language",
        home="https://www.python.org/",
        site_packages=f"lib/python{series}/site-packages",
        run_exports={"noarch": ("python",), "weak": (abi,)},
        moment=moment,
    )
    tag = Package(
        name="python_abi",
        version=str(series),
        build=f"0_{tag_of(series)}",
        subdir="noarch",
        noarch="generic",
        constrains=(f"python {series}.* *_cpython",),
        summary="What compiled modules of CPython need",
        moment=moment,
    )
    empty = work / "python_abi"
    fs.make_directory(empty)
    return [write_conda(python, stage, directory), write_conda(tag, empty, directory)]


def tag_of(series: PythonSeries) -> str:
    """Return the wheel tag of a series: cp312."""
    return f"cp{series.major}{series.minor}"


def abi_spec(series: PythonSeries) -> str:
    """Return what a compiled module needs, as a MatchSpec."""
    return f"python_abi {series}.* *_{tag_of(series)}"


def series_spec(series: PythonSeries) -> str:
    """Return the Pythons of a series, as a MatchSpec."""
    return f"python >={series},<{series.major}.{series.minor + 1}.0a0"


def _add_site(stage: Path, series: PythonSeries) -> None:
    """Make a place for packages: archives have no empty directories."""
    site = stage / "lib" / f"python{series}" / "site-packages"
    fs.make_directory(site)
    fs.write_text(site / "README.txt", "Installed packages are here.\n", durable=False)


def content_digest(stage: Path, about: Any = None) -> str:
    """Return seven characters that stand for a tree and what is said about it."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for directory, directories, files in os.walk(stage):
        directories.sort()
        for name in sorted(files):
            path = Path(directory) / name
            link = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115
            content = "" if link else fs.sha256_of(path)
            mode = 0 if link else path.stat().st_mode & 0o111
            line = f"{path.relative_to(stage)}\0{link}\0{content}\0{bool(mode)}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:7]


def glibc_of(stage: Path) -> tuple[str, ...]:
    """Return the C library that the programs and libraries of a tree need, as MatchSpecs."""
    found = [0]
    for directory, _, files in os.walk(stage):
        for name in files:
            path = Path(directory) / name
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as stream:
                if stream.read(4) == b"\x7fELF":
                    found += [int(minor) for minor in _GLIBC.findall(stream.read())]
    return (f"__glibc >=2.{max(found)}",) if max(found) else ()
