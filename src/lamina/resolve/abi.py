"""What compiled packages of a stack were resolved against in its parents, and whether that holds.

The rule: of the Python, its implementation, series and ABI as the target's SOABI has them; of the
parent's packages, those that are compiled (their file is no wheel for every platform) and that
another compiled package of the stack requires. Such a package may have been compiled against the
other's headers or be linked to its libraries, which no metadata tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import ConflictError, UsageError
from lamina.engines.interpreters import MachineInterpreters
from lamina.lock.document import PARENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.engines.interpreters import Interpreter
    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.parents import Parent

_FOR_EVERY_PLATFORM = "-none-any.whl"


def abi_lines(theirs: Lock, ours: Lock, origin: str) -> tuple[str, ...]:
    """Return the ABI identity of a parent for a lock: one line a target's Python, one a package.

    ``theirs`` gives the versions, ``ours`` says which packages count; ``origin`` stands there among
    those who asked for the parent's packages.
    """
    needed = _needed(ours, origin)
    targets = set(ours.targets)
    versions = {
        f"{one.name} {one.version}"
        for one in theirs.packages
        if one.name in needed and targets & set(one.targets or theirs.targets)
    }
    pythons = {one.soabi for one in targets & set(theirs.targets)}
    return (*sorted(pythons), *sorted(versions))


def _needed(lock: Lock, origin: str) -> set[PackageName]:
    compiled = {one.name for one in lock.packages if _is_compiled(one)}
    required = {
        each.name
        for one in lock.packages
        if one.name in compiled
        for each in one.dependencies
        if each.name != one.name
    }
    return {
        one.name
        for one in lock.packages
        if one.name in compiled & required and origin in one.requested_by
    }


def _is_compiled(package: LockedPackage) -> bool:
    """Tell whether any file may hold compiled code; of sources nobody knows before the build."""
    return any(not one.file.endswith(_FOR_EVERY_PLATFORM) for one in package.artifacts)


def check_abi(lock: Lock, parents: Iterable[Parent]) -> None:
    """Raise ConflictError when a parent has another ABI than when the lock was made.

    ``parents``: as they are now.
    """
    as_locked = {one.stack: one for one in lock.parents}
    for now in parents:
        then = as_locked.get(now.stack)
        if then is None:
            continue
        lines = abi_lines(now.lock, lock, PARENT + then.name)
        if lines == then.abi:
            continue
        gone, come = sorted(set(then.abi) - set(lines)), sorted(set(lines) - set(then.abi))
        raise ConflictError(
            f"{then.name} has another ABI than when this stack was locked: "
            f"{', '.join(gone) or 'nothing'} then, {', '.join(come) or 'nothing'} now",
            hints=["lamina lock", "lamina publish builds what comes from sources again"],
        )


def check_interpreter(interpreter: Interpreter, target: Target, parents: Iterable[Parent]) -> None:
    """Raise ConflictError when a parent's release has a Python of another ABI for a target."""
    for parent in parents:
        for release in parent.releases:
            if release.platform is not target.platform:
                continue
            theirs = release.manifest().python
            if theirs.series != target.python or not (theirs.soabi and interpreter.soabi):
                continue
            if theirs.soabi != interpreter.soabi:
                raise ConflictError(
                    f"the Python of {parent.name} has the ABI {theirs.soabi}, and "
                    f"{interpreter.path} has {interpreter.soabi}",
                    hints=[f"lamina publish --python {theirs.interpreter}"],
                )


def choose_interpreter(
    lock: Lock, target: Target, explicit: Path | None, parents: Iterable[Parent],
    environ: Mapping[str, str],
) -> Interpreter | None:  # fmt: skip
    """Return the interpreter of this machine for a release; None for one of conda packages.

    ``explicit``: take this one. Raises MissingInterpreterError, what ``check_interpreter`` raises,
    UsageError for one that is named where Python is a conda package.
    """
    if not lock.conda:
        found = MachineInterpreters(environ=environ, explicit=explicit).search(target.python)
        check_interpreter(found, target, parents)
        return found
    if explicit is not None:
        raise UsageError(
            f"--python {explicit}: the Python of this stack is one of its conda packages",
            hints=['[conda] python = "3.12.*"', "lamina lock"],
        )
    return None
