"""Read pylock.toml (PEP 751) as the pins of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.pylock import Pylock, PylockValidationError
from packaging.requirements import Requirement

from lamina.core.errors import DocumentError, Problem
from lamina.core.run import redact
from lamina.model.document import load_toml
from lamina.model.sources import check_commit, check_inside, check_repository
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
    repositories: dict[str, dict[str, Any]] = {}
    left: list[str] = []
    for package in lock.packages:
        marker = f"; {package.marker}" if package.marker else ""
        if fields := _repository(package):
            repositories[package.name] = fields
            requirements.append(Requirement(f"{package.name}{marker}"))
            continue
        reasons = list(_obstacles(package))
        left += [f"{package.name}: {reason}" for reason in reasons]
        if not reasons:
            requirements.append(Requirement(f"{package.name}=={package.version}{marker}"))
    left += [
        f"index {redact(address)}: packages come from the index of this machine, others are named"
        " in [resolve] indexes"
        for address in sorted({one.index for one in lock.packages if one.index})
    ]
    left.append("hashes and addresses of files: lamina.lock will have the index's own")
    return Imported(
        requirements=tuple(requirements), left_behind=tuple(left), repositories=repositories
    )


def _repository(package: Package) -> dict[str, Any] | None:
    """Return the fields of a package that comes from a git repository of others."""
    vcs = package.vcs
    if vcs is None or vcs.type != "git" or vcs.url is None:
        return None
    try:
        fields = {"git": check_repository(vcs.url), "rev": check_commit(vcs.commit_id)}
        below = {"subdirectory": check_inside(vcs.subdirectory)} if vcs.subdirectory else {}
    except ValueError:
        return None
    return fields | below


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
