"""The conda packages of a lock and where they are, for the lists of conda's tools."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from lamina.core.errors import NotSupportedError, UsageError
from lamina.engines.conda_records import in_order
from lamina.model.conda import needed_name
from lamina.stack.conda_reading import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.lock.conda import LockedConda
    from lamina.lock.document import Lock
    from lamina.model.platforms import Target

_PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaExport:
    """A lock, the targets to write down, and the addresses of its channels."""

    lock: Lock
    targets: tuple[Target, ...]
    channels: Mapping[str, str]
    """Channel as the lock has it -> address, the first before the others."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Where packages are that come from a path, from the directory of the list."""

    @property
    def addresses(self) -> list[str]:
        """The addresses of the channels, without credentials."""
        return list(dict.fromkeys(map(without_secrets, self.channels.values())))

    def url(self, package: LockedConda) -> str:
        """Return the address of an archive, without credentials."""
        return f"{self._base(package)}/{package.subdir}/{quote(package.file, safe='+!=@,~')}"

    def _base(self, package: LockedConda) -> str:
        return without_secrets(self.channels[package.channel])

    def packages(self, target: Target) -> list[LockedConda]:
        """Return the packages of a target in the order in which they can be installed."""
        locked = {one.file: one for one in self.lock.conda_for(target)}
        records = [
            one.record(url=self.url(one), channel=f"{self._base(one)}/") for one in locked.values()
        ]
        ordered = in_order(records)
        return python_first([locked[one.file_name] for one in ordered])


def python_first(packages: list[LockedConda]) -> list[LockedConda]:
    """Return packages with Python and what it needs before the others.

    Packages without a platform are put where Python says. The order within the two parts stays.
    """
    by_name = {str(one.name): one for one in packages}
    needed: set[str] = set()
    waiting = [_PYTHON]
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in needed:
            needed.add(name)
            waiting += [needed_name(text) for text in by_name[name].depends]
    return sorted(packages, key=lambda one: one.name not in needed)


def has_python(packages: Iterable[LockedConda]) -> bool:
    """Tell whether Python is one of them: a layer can have others over a Python of no channel."""
    return any(one.name == _PYTHON for one in packages)


def check_conda(lock: Lock, form: str) -> None:
    """Raise UsageError for what a list of conda packages cannot be made of.

    That is a lock without any; and of what only a layer can come to, a package of an index over
    the one that a conda package has, and conda packages over a Python that is none.
    """
    if not lock.conda and form not in ("environment", "conda"):
        raise UsageError(
            f"{form} is a list of conda packages, and the lock has none",
            hints=["lamina export --as pylock"],
        )
    if form == "pixi-lock" and not has_python(lock.conda):
        raise NotSupportedError(
            "pixi-lock has the archive of each package, and the Python of this is of no channel",
            hints=["lamina export --as pixi"],
        )
    twice = [text for target in lock.targets for text in _twice(lock, target)]
    if twice and form in ("pixi", "pixi-lock", "conda"):
        raise NotSupportedError(
            f"{form} cannot have packages of an index over those of conda: {', '.join(twice)}",
            hints=["lamina export --as environment"],
        )


def _twice(lock: Lock, target: Target) -> list[str]:
    """Return the packages of an index that a conda package has as well."""
    conda = {each.name: one for one in lock.conda_for(target) for each in one.provides}
    return [
        f"{one.name} {one.version} (over {conda[one.name].name} {conda[one.name].version})"
        for one in lock.packages_for(target)
        if one.name in conda
    ]


def one_python(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return the targets; raises UsageError for several series, which are several environments."""
    if len({one.python for one in targets}) > 1:
        known = ", ".join(map(str, targets))
        raise UsageError(
            f"this form is for one series of Python, and the lock is for {known}",
            hints=[f"--target {targets[0]}"],
        )
    return targets
