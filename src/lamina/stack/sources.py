"""Which reader understands what a new stack is to be made from."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from packaging.pylock import is_valid_pylock_path

from lamina.core.errors import NotSupportedError, UsageError
from lamina.model.document import read_document
from lamina.stack.cmsdist.directory import read_cmsdist, requirements_of
from lamina.stack.construct_yaml import read_construct
from lamina.stack.environment_yml import read_environment
from lamina.stack.explicit_list import is_explicit, read_explicit
from lamina.stack.installed import read_installed, site_packages_of
from lamina.stack.pixi_toml import read_pixi
from lamina.stack.pylock_toml import read_pylock
from lamina.stack.requirements_txt import read_requirements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lamina.model.platforms import Platform, PythonSeries
    from lamina.stack.imported import Imported

    Reader = Callable[[Path], Imported]

_SUPPORTED = (
    "a requirements file (*.txt, *.in), a pylock.toml, conda's explicit list, environment.yml or"
    " construct.yaml, a pixi.toml or pixi.lock, a pyproject.toml with [tool.pixi], a directory"
    " laid out as cmsdist is, or one with an installed Python"
)
PIXI_LOCK = "pixi.lock"


def read_source(
    path: Path,
    *,
    default_python: PythonSeries,
    platforms: Iterable[Platform] = (),
    read_pixi_lock: Callable[[Path, PythonSeries], Imported] | None = None,
) -> Imported:
    """Read the file or directory that a stack begins from.

    ``platforms`` are those that the stack is for, where the source decides between lines by them.
    ``read_pixi_lock`` comes from the engines, as rattler does. Raises UsageError when there is no
    such path, NotSupportedError for anything else, DocumentError for a file that is not valid.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or directory")
    if path.is_dir():
        if site_packages_of(path):
            return read_installed(path, default_python)
        if (requirements := requirements_of(path)) is not None:
            return read_cmsdist(requirements, python=default_python, platforms=platforms)
        raise NotSupportedError(f"{path}: no packages are installed there; give {_SUPPORTED}")
    if path.name == PIXI_LOCK and read_pixi_lock is not None:
        return read_pixi_lock(path, default_python)
    reader = _reader_of(path, default_python)
    if reader is None:
        raise NotSupportedError(f"{path}: lamina cannot start a stack from this; give {_SUPPORTED}")
    return reader(path)


def _reader_of(path: Path, default_python: PythonSeries) -> Reader | None:
    """Return what reads a file, by its name; text files are looked into."""
    if is_valid_pylock_path(path):
        return read_pylock
    if path.name in {"pixi.toml", "pyproject.toml"}:
        return functools.partial(read_pixi, default_python=default_python)
    if path.suffix in {".yml", ".yaml"}:
        reader = read_construct if path.stem.startswith("construct") else read_environment
        return functools.partial(reader, default_python=default_python)
    if path.suffix in {".txt", ".in", ".lock"} and is_explicit(read_document(path)):
        return functools.partial(read_explicit, default_python=default_python)
    return read_requirements if path.suffix in {".txt", ".in"} else None
