"""Read pylock.toml (PEP 751) as the pins of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.pylock import Pylock, PylockValidationError
from packaging.requirements import Requirement

from lamina.core.errors import DocumentError, Problem
from lamina.core.run import redact
from lamina.model.document import load_toml
from lamina.stack.imported import Imported

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.pylock import Package


def read_pylock(path: Path) -> Imported:
    """Read a pylock.toml: every package at its version, for PEP 751 does not say who was asked for.

    Raises DocumentError when it is not valid.
    """
    try:
        lock = Pylock.from_dict(load_toml(path))
    except PylockValidationError as error:
        problem = Problem(where=error.context or "", found=error.message)
        raise DocumentError(path, [problem]) from error
    requirements: list[Requirement] = []
    left: list[str] = []
    for package in lock.packages:
        reasons = list(_obstacles(package))
        left += [f"{package.name}: {reason}" for reason in reasons]
        if not reasons:
            marker = f"; {package.marker}" if package.marker else ""
            requirements.append(Requirement(f"{package.name}=={package.version}{marker}"))
    left += [
        f"index {redact(address)}: packages come from the index of this machine, others are named"
        " in [resolve] indexes"
        for address in sorted({one.index for one in lock.packages if one.index})
    ]
    left.append("hashes and addresses of files: lamina.lock will have the index's own")
    return Imported(requirements=tuple(requirements), left_behind=tuple(left))


def _obstacles(package: Package) -> Iterator[str]:
    """Yield what keeps a package from being an entry of a stack."""
    elsewhere = {
        "a repository": package.vcs,
        "a directory": package.directory,
        "an archive": package.archive,
    }
    for what, given in elsewhere.items():
        if given is not None:
            yield f"comes from {what}, not from an index"
            return
    if package.version is None:
        yield "has no version"
    if package.marker and any(
        word in str(package.marker) for word in ("extras", "dependency_groups")
    ):
        yield f"belongs to extras or groups of the lock only ({package.marker})"
