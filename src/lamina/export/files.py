"""What all lists share: the files of a lock for one target or all, and where they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core.errors import UsageError
from lamina.resolve.demands import target_marker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.lock.document import Lock
    from lamina.model.artifacts import Artifact
    from lamina.model.names import IndexName
    from lamina.model.platforms import Platform, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file of a lock, and for which of the chosen targets it is; none: for all of them."""

    artifact: Artifact
    targets: tuple[Target, ...]

    @property
    def marker(self) -> str | None:
        """The PEP 508 marker that holds where the file is used, None where it always is."""
        return joined_markers(self.targets) if self.targets else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """A lock, the targets to write down, and the addresses of its indexes."""

    lock: Lock
    targets: tuple[Target, ...]
    indexes: Mapping[IndexName, str]
    remarks: tuple[str, ...] = ()
    """What whoever installs from the list has to know, one line each."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Where packages are that come from a path, from the directory of the list."""

    def files(self) -> list[ExportedFile]:
        """Return each file once, by package, version and name."""
        found: dict[Artifact, list[Target]] = {}
        for target in self.targets:
            for artifact in self.lock.artifacts_for(target):
                found.setdefault(artifact, []).append(target)
        return [
            ExportedFile(
                artifact=artifact,
                targets=() if len(found[artifact]) == len(self.targets) else tuple(found[artifact]),
            )
            for artifact in sorted(found, key=lambda one: (one.package, one.version, one.filename))
        ]

    @property
    def heading(self) -> str:
        """One line that says what this is."""
        targets = ", ".join(map(str, self.targets))
        return f"{self.lock.stack} for {targets}, written by lamina export"

    @property
    def head(self) -> list[str]:
        """The comment lines that a list begins with."""
        return [f"# {one}" for one in (self.heading, *self.remarks)]


def joined_markers(targets: Iterable[Target]) -> str:
    """Return one marker that holds for each of the targets."""
    return " or ".join(f"({target_marker(one)})" for one in sorted(targets))


def chosen_targets(lock: Lock, wanted: str | None) -> tuple[Target, ...]:
    """Return the targets of an export: all of the lock, or the one that was asked for."""
    if wanted is None:
        return lock.targets
    for target in lock.targets:
        if str(target) == wanted:
            return (target,)
    known = ", ".join(map(str, lock.targets))
    raise UsageError(
        f"the lock is not for {wanted}; it is for {known}",
        hints=[f"--target {lock.targets[0]}"],
    )


def single_target(lock: Lock, wanted: str | None, here: Platform | None) -> tuple[Target, ...]:
    """Return one target: the one asked for, else the only one, else the only one of this machine.

    Raises UsageError when it has to be said which.
    """
    targets = chosen_targets(lock, wanted)
    if len(targets) > 1:
        targets = tuple(one for one in targets if one.platform == here)
    if len(targets) == 1:
        return targets
    known = ", ".join(map(str, lock.targets))
    raise UsageError(
        f"this form is for one target, and the lock is for {known}",
        hints=[f"--target {lock.targets[0]}"],
    )
