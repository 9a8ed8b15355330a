"""CPython as conda packages: ``python``, and the ``python_abi`` that compiled modules name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.archive.package import PLACEHOLDER, Package
from lamina.archive.writing import write_conda
from lamina.core import fs
from lamina.press.digest import content_digest
from lamina.press.pythons import abi_spec, tag_of
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


def _add_site(stage: Path, series: PythonSeries) -> None:
    """Make a place for packages: archives have no empty directories."""
    site = stage / "lib" / f"python{series}" / "site-packages"
    fs.make_directory(site)
    fs.write_text(site / "README.txt", "Installed packages are here.\n", durable=False)


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
