"""What the doctor looks at: an environment, its interpreter, and everything on its search path."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import UsageError
from lamina.layer.base import ENVIRONMENT, find_place, is_layer
from lamina.layer.doctor.conda import CondaPackage, conda_packages
from lamina.layer.doctor.installed import Copy, Directory, read_directories
from lamina.layer.doctor.places import absolute, inside
from lamina.layer.doctor.programs import Script, read_scripts
from lamina.layer.doctor.surroundings import Surroundings, ask, too_old

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = ("python", "python3")


@dataclass(frozen=True, kw_only=True)
class Patient:
    """An environment as the doctor finds it; everything is read when it is first needed."""

    prefix: Path
    python: Path
    environ: Mapping[str, str]
    active: bool
    """Whether it is the environment that this shell works in, so that PATH counts."""
    root: Path
    """The root that releases are looked for in."""
    answer: Surroundings | str
    """What its interpreter says, or why it says nothing."""

    @property
    def around(self) -> Surroundings | None:
        """What its interpreter says, if it runs."""
        return self.answer if isinstance(self.answer, Surroundings) else None

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer of ours."""
        return is_layer(self.prefix)

    @property
    def is_release(self) -> bool:
        """Whether it is a release of ours."""
        return (self.prefix / ".lamina" / "release.toml").is_file()

    @property
    def is_conda(self) -> bool:
        """Whether it is a conda prefix."""
        return (self.prefix / "conda-meta").is_dir()

    @property
    def stands_alone(self) -> bool:
        """Whether what it holds is meant to come before everything that PYTHONPATH names."""
        virtual = self.around is not None and self.around.virtual
        return virtual or self.is_layer or self.is_release or self.is_conda

    @cached_property
    def path(self) -> tuple[str, ...]:
        """The search path, the standard library left out."""
        if self.around is None:
            return tuple(map(str, sorted(self.prefix.glob("lib/python3*/site-packages"))))
        skip = set(self.around.library)
        return tuple(dict.fromkeys(one for one in self.around.path if one not in skip))

    @cached_property
    def directories(self) -> tuple[Directory, ...]:
        """The directories of the search path that are there."""
        return read_directories(self.path)

    @cached_property
    def copies(self) -> tuple[Copy, ...]:
        """Every copy of every distribution, in the order of the search."""
        return tuple(copy for one in self.directories for copy in one.copies)

    @cached_property
    def distributions(self) -> Mapping[str, Copy]:
        """The copies that count: the first of each."""
        found: dict[str, Copy] = {}
        for copy in self.copies:
            found.setdefault(copy.key, copy)
        return found

    @cached_property
    def pythonpath(self) -> tuple[str, ...]:
        """The entries of PYTHONPATH, as they are written."""
        return tuple(filter(None, self.environ.get("PYTHONPATH", "").split(os.pathsep)))

    @cached_property
    def sites(self) -> tuple[str, ...]:
        """Its own site-packages: nearest layer, or those of its interpreter."""
        if self.around is None:
            return self.path
        return (*self.around.layers[:1], *self.around.sites)

    @cached_property
    def below(self) -> frozenset[str]:
        """Directories of the installation that an environment stands on; hiding these is right."""
        if self.around is None:
            return frozenset()
        above = {*self.sites[:1]} if self.around.layers else self.own_directories
        taken = {*above, *(absolute(one) for one in self.pythonpath), self.around.user_site}
        return frozenset(self.path) - taken if self.around.virtual else frozenset()

    @cached_property
    def own_directories(self) -> frozenset[str]:
        """Directories of the search path inside the prefix."""
        return frozenset(one for one in self.path if inside(one, self.prefix))

    @cached_property
    def conda(self) -> tuple[CondaPackage, ...]:
        """What conda has installed into it."""
        return conda_packages(self.prefix)

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """The files of its bin directory that name an interpreter."""
        return read_scripts(self.prefix)


def find_patient(given: str | None, *, root: Path, environ: Mapping[str, str]) -> Patient:
    """Return what is to be examined: by default the environment that this shell is set up for.

    Raises UsageError when there is nothing to examine.
    """
    if given is None or given == ENVIRONMENT:
        prefix, python = _set_up_now(environ)
        active = True
    else:
        prefix, python = _named(given, root, environ)
        chosen = _active_prefix(environ)
        active = chosen is not None and _same(chosen, prefix)
    answer = ask(python, environ)
    if isinstance(answer, str) and "SyntaxError" in answer:
        raise UsageError(f"{python}: no Python that lamina knows, which is 3.8 and newer")
    if isinstance(answer, Surroundings):
        if too_old(answer):
            raise UsageError(f"{prefix}: Python {answer.version}; lamina knows 3.8 and newer")
        if not _is_environment(prefix):  # A view, a link, or a program that starts another.
            prefix, python = Path(answer.prefix), Path(answer.executable)
    return Patient(
        prefix=prefix, python=python, environ=environ, active=active, root=root, answer=answer
    )


def _active_prefix(environ: Mapping[str, str]) -> Path | None:
    """Return the environment that was activated last, as its own script says."""
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(name):
            return Path(absolute(environ[name]))
    return None


def _set_up_now(environ: Mapping[str, str]) -> tuple[Path, Path]:
    chosen = _active_prefix(environ)
    if chosen is not None and (python := _python_of(chosen)) is not None:
        return chosen, python
    for name in ("python3", "python"):
        if found := shutil.which(name, path=environ.get("PATH", os.defpath)):
            python = Path(found)
            return python.parent.parent, python
    raise UsageError(
        "no python3 on PATH", hints=["name what to examine: lamina doctor PREFIX_LAYER_OR_RELEASE"]
    )


def _named(given: str, root: Path, environ: Mapping[str, str]) -> tuple[Path, Path]:
    """Return prefix and interpreter of a name; the interpreter need not work, nor be there."""
    path = Path(absolute(str(Path(given).expanduser())))
    if path.is_dir() and (python := _python_of(path)) is not None:
        return path, python
    place = find_place(given, root=root, environ=environ)
    return place.prefix, place.python


def _python_of(prefix: Path) -> Path | None:
    """Return an environment's interpreter, even a link that leads nowhere."""
    programs = [prefix / "bin" / name for name in _NAMES]
    programs += sorted((prefix / "bin").glob("python3.[0-9]*[0-9]"), reverse=True)
    there = [one for one in programs if one.exists()]
    if there:
        return there[0]
    meant = is_layer(prefix) or (prefix / "pyvenv.cfg").is_file()
    dangling = [one for one in programs if one.is_symlink()]
    return (dangling or programs)[0] if dangling or meant else None


def _is_environment(prefix: Path) -> bool:
    """Tell whether a directory itself says that it is an environment; views and links do not."""
    marks = ("pyvenv.cfg", "conda-meta", ".lamina/release.toml")
    return is_layer(prefix) or any((prefix / mark).exists() for mark in marks)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
