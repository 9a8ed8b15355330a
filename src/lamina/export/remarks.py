"""What a list of files cannot say of a stack: what it does to its packages, and waives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.export.origins import paths_from
from lamina.release.alterations import release_alterations, render_alterations, stack_alterations
from lamina.release.root import INTERNAL, MANIFEST_NAME
from lamina.resolve.project import waived
from lamina.resolve.waivers import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.lock.document import Lock
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.release.alterations import Alteration
    from lamina.stack.document import Stack

_BY_FILES = frozenset({"requirements", "explicit"})
"""Forms that name every file, from which pip can be told to take nothing else."""
_WITH_PATHS = frozenset({"pylock", "pixi"})
"""Forms that say where on a machine a package is."""
_BRINGING = frozenset({"wheel", "conda", "environment", "pixi"})
"""Forms with which an installer resolves what they need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is written as a list: a lock, of a stack, inside a release, or of a layer on one."""

    lock: Lock
    stack: Stack | None
    """None: the lock stands alone, and nothing else is known."""
    directory: Path
    """Where the stack is."""
    place: Path
    """Where the list is written."""
    targets: tuple[Target, ...]
    own: frozenset[PackageName] = frozenset()
    """What a layer has of its own: what is done to packages of the stack is not about these."""
    left_out: tuple[str, ...] = ()
    """What is in a layer and in no lock, in words."""
    unmet: tuple[str, ...] = ()
    """What needs another version than a layer has, in words."""

    @property
    def is_release(self) -> bool:
        """Whether the lock is the one inside a release, or of a layer on that."""
        return self.directory.name == INTERNAL and (self.directory / MANIFEST_NAME).is_file()

    def paths(self) -> dict[str, str]:
        """Return where packages are that come from a path, from the directory of the list."""
        directory = None if self.is_release else self.directory
        return paths_from(self.place, self.lock, self.targets, directory)

    def alterations(self) -> dict[PackageName, Alteration]:
        """Return what is done to packages beside installing their files."""
        if self.is_release:
            altered = release_alterations(self.directory.parent)
            return {name: one for name, one in altered.items() if name not in self.own}
        if self.stack is None:
            return {}
        return stack_alterations(self.stack, self.lock, self.targets, self.directory)

    def waived(self) -> list[str]:
        """Return the dependencies that the stack goes without, by name."""
        if self.stack is None:
            return []
        here = {one.name for target in self.targets for one in self.lock.packages_for(target)}
        every = {
            each
            for name, several in waived(self.stack).items()
            if name in here - self.own
            for each in several
        }
        conda = {
            each.name
            for target in self.targets
            for one in self.lock.conda_for(target)
            for each in one.provides
        }
        return sorted(every - here - conda - {PYTHON})


def list_remarks(form: str, origin: Origin) -> tuple[str, ...]:
    """Return what whoever installs from a list has to know, one sentence each."""
    return tuple(_remarks(form, origin))


def _remarks(form: str, origin: Origin) -> Iterator[str]:
    if origin.left_out:
        yield f"not put into the layer by lamina, and not here: {', '.join(origin.left_out)}"
    if form == "sbom" or (form == "explicit" and origin.lock.conda):
        return  # Says it of each package; has none of these packages.
    if altered := render_alterations(origin.alterations()):
        yield f"these come without what the stack does to them: {altered}"
    paths = origin.paths() if form in _WITH_PATHS else {}
    if lost := [f"{n} ({path})" for n, path in paths.items() if not (origin.place / path).exists()]:
        why = "a release has no sources, and " if origin.is_release else ""
        yield f"{why}these are not there, seen from this list: {', '.join(lost)}"
    names = ", ".join(origin.waived())
    if names and form in _BY_FILES:
        yield f"install it with --no-deps: the stack goes without {names}"
    elif names and form in _BRINGING:
        yield f"the stack goes without what this brings in, at any version: {names}"
    if origin.unmet and form in _BY_FILES:
        yield f"install it with --no-deps: {'; '.join(origin.unmet)}"
    elif origin.unmet and form in _BRINGING:
        yield f"whatever resolves it refuses it: {'; '.join(origin.unmet)}"
