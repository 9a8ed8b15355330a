"""The variables of a set-up environment that a layer over it keeps.

Shared libraries that are found only through LD_LIBRARY_PATH have to be named there before an
interpreter starts, so a layer that is to work in a fresh shell brings these variables with it.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROGRAMS = "PATH"
"""Of this only the directories that belong to the base are kept."""
LISTS = (
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "ROOT_INCLUDE_PATH", "CMAKE_PREFIX_PATH",
    "PKG_CONFIG_PATH",
)  # fmt: skip
"""Directories, all of which are kept and put before what is set already."""
SINGLE = ("ROOTSYS",)
"""Values that are kept as they are."""
_LIBRARIES = frozenset({"lib", "lib64"})
_SYSTEM = frozenset(map(Path, ("/", "/usr", "/usr/local")))


def kept_variables(environ: Mapping[str, str], python: Path) -> dict[str, str]:
    """Return what a layer over the environment keeps: name -> value, relative entries left out."""
    found = {name: os.pathsep.join(_entries(environ, name)) for name in LISTS}
    found |= {name: environ.get(name, "") for name in SINGLE}
    tops = set(_tops(environ, python))
    found[PROGRAMS] = os.pathsep.join(
        one for one in _entries(environ, PROGRAMS) if not tops.isdisjoint(Path(one).parents)
    )
    return {name: value for name, value in found.items() if value}


def recorded_variables(record: Path) -> dict[str, str]:
    """Return what a layer keeps, read from its lamina-layer.toml; nothing where it says nothing."""
    try:
        kept = tomllib.loads(record.read_text(encoding="utf-8"))["base"]["variables"]
        return {str(name): str(value) for name, value in kept.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def with_variables(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which kept variables are in force, but for PATH.

    What is set already is not added again.
    """
    env = dict(environ)
    for name, value in variables.items():
        if name in LISTS:
            env[name] = prepended(value, environ.get(name, ""))
        elif name != PROGRAMS:
            env[name] = value
    return env


def prepended(value: str, there: str) -> str:
    """Return a list of directories with others before it, unless it has them."""
    if f":{value}:" in f":{there}:":
        return there
    return f"{value}:{there}" if there else value


def _entries(environ: Mapping[str, str], name: str) -> list[str]:
    """Return the absolute entries of a list of directories, each once."""
    entries = environ.get(name, "").split(os.pathsep)
    return list(dict.fromkeys(one for one in entries if os.path.isabs(one)))  # noqa: PTH117


def _tops(environ: Mapping[str, str], python: Path) -> Iterator[Path]:
    """Yield the directories below which the base lies; of the system and of home none."""
    home = Path(environ.get("HOME") or "/")
    passed = {*_SYSTEM, home, home / ".local"}
    named = [python.parent.parent, python.resolve().parent.parent]
    named += [Path(environ[name]) for name in SINGLE if environ.get(name)]
    named += map(Path, _entries(environ, "CMAKE_PREFIX_PATH"))
    for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        named += [top for one in _entries(environ, name) if (top := _above_libraries(Path(one)))]
    yield from (one for one in named if one not in passed)


def _above_libraries(directory: Path) -> Path | None:
    """Return the prefix that has a directory in its lib, None for what is in no lib."""
    for one in (directory, *directory.parents):
        if one.name in _LIBRARIES:
            return one.parent
    return None
