"""Which reader understands what a new stack is to be made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.pylock import is_valid_pylock_path

from lamina.core.errors import NotSupportedError, UsageError
from lamina.stack.installed import read_installed, site_packages_of
from lamina.stack.pylock_toml import read_pylock
from lamina.stack.requirements_txt import read_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.model.platforms import PythonSeries
    from lamina.stack.imported import Imported

_SUPPORTED = (
    "a requirements file (*.txt, *.in), a pylock.toml, or a directory with an installed Python"
)


def read_source(path: Path, *, default_python: PythonSeries) -> Imported:
    """Read a requirements file, a pylock.toml or an installed prefix.

    Raises UsageError when there is no such path, NotSupportedError for anything else, DocumentError
    for a file that is not valid.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or directory")
    if path.is_dir():
        if site_packages_of(path):
            return read_installed(path, default_python)
        what = "no packages are installed there"
    elif is_valid_pylock_path(path):
        return read_pylock(path)
    elif path.suffix in {".txt", ".in"}:
        return read_requirements(path)
    else:
        what = "lamina cannot start a stack from this"
    raise NotSupportedError(f"{path}: {what}; give {_SUPPORTED}")
