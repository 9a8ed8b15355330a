"""The conda prefix inside a layer: where it is, and what Python can import from it."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from lamina.engines.probe import read_distributions
from lamina.layer.variables import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.engines.probe import BaseProbe, Distribution

CONDA = "conda"
PATH_FILE = "lamina-conda.pth"
"""In a layer's site-packages: what puts the modules of its conda packages behind its own."""


def site_in(layer: Path, series: str) -> Path:
    """Return where the modules of a layer's conda packages are."""
    return layer / CONDA / "lib" / f"python{series}" / "site-packages"


def path_line(series: str) -> str:
    """Return the text of the .pth file: relative, so that it holds in a view of the layer too.

    The .pth files of conda packages count as well.
    """
    way = f"../../../{CONDA}/lib/python{series}/site-packages"
    found = f"os.path.normpath(os.path.join(sitedir, {way!r}))"
    return f"import os, site; site.addsitedir({found})\n"


def conda_distributions(layer: Path, series: str) -> tuple[Distribution, ...]:
    """Return the Python distributions of a layer's conda packages."""
    site = site_in(layer, series)
    return read_distributions([str(site)]) if site.is_dir() else ()


def over_base(base: BaseProbe, layer: Path) -> BaseProbe:
    """Return a base with the Python distributions of a layer's conda packages before its own."""
    own = conda_distributions(layer, base.series)
    if not own:
        return base
    merged = {one.key: one for one in (*base.distributions, *own)}
    return dataclasses.replace(
        base,
        path=(str(site_in(layer, base.series)), *base.path),
        distributions=tuple(merged[name] for name in sorted(merged)),
    )


def with_programs(variables: Mapping[str, str], layer: Path) -> dict[str, str]:
    """Return what a layer keeps of the environment, with its conda packages' programs on PATH."""
    kept = [variables[PROGRAMS]] if variables.get(PROGRAMS) else []
    return {**variables, PROGRAMS: os.pathsep.join([str(layer / CONDA / "bin"), *kept])}


def has_programs(layer: Path) -> bool:
    """Tell whether a layer has programs of conda packages."""
    return (layer / CONDA / "bin").is_dir()
