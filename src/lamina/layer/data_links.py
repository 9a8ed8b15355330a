"""The share and etc directories of a layer: links into the base, folded as high as possible."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_REAL = (
    "share",
    "etc",
    "share/jupyter",
    "share/jupyter/kernels",
    "share/jupyter/nbextensions",
    "share/jupyter/labextensions",
    "share/jupyter/labextensions/@*",
    "etc/jupyter",
    "etc/jupyter/*.d",
)
"""Directories that a layer may add to without unfolding a link: Jupyter looks into these."""
_SYSTEM = frozenset({"/usr", "/usr/local", "/"})


def plan_data_links(prefixes: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Return the directories and links (relative path -> target) that show the bases' data.

    Of a system's own prefix only Jupyter's directories count. The first prefix wins.
    """
    directories: list[str] = []
    links: dict[str, str] = {}
    for prefix in prefixes:
        for top in ("share", "etc"):
            if prefix in _SYSTEM:
                _fold(prefix, f"{top}/jupyter", directories, links, above=[top])
            else:
                _fold(prefix, top, directories, links, above=[])
    return directories, links


def _fold(
    prefix: str, path: str, directories: list[str], links: dict[str, str], *, above: list[str]
) -> None:
    try:
        names = sorted(os.listdir(f"{prefix}/{path}"))  # noqa: PTH208
    except OSError:
        return
    directories += [one for one in [*above, path] if one not in directories]
    for name in names:
        inner = f"{path}/{name}"
        if is_real(inner) and Path(prefix, inner).is_dir():
            _fold(prefix, inner, directories, links, above=[])
        elif inner not in directories:
            links.setdefault(inner, f"{prefix}/{inner}")


def is_real(path: str) -> bool:
    """Tell whether a layer has this directory itself instead of a link to the base's."""
    return any(
        fnmatch.fnmatchcase(path, pattern) and path.count("/") == pattern.count("/")
        for pattern in _REAL
    )
