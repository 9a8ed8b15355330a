"""What no single field of a lock shows, such as what a merge by hand leaves behind."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lamina.core.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.platforms import Target


def check_lock(lock: Lock) -> list[Problem]:
    """Return every problem between the fields of a lock."""
    return [*_versions(lock), *_artifacts(lock), *_dependencies(lock)]


def _targets(lock: Lock, package: LockedPackage) -> tuple[Target, ...]:
    return package.targets or lock.targets


def _versions(lock: Lock) -> Iterator[Problem]:
    """Yield packages that a target would get twice."""
    seen: dict[tuple[str, Target], LockedPackage] = {}
    for i, package in enumerate(lock.packages):
        yield from _foreign(f"package[{i}].targets", package.targets, lock.targets)
        for target in _targets(lock, package):
            first = seen.setdefault((package.name, target), package)
            if first is not package:
                yield Problem(
                    where=f"package[{i}]",
                    found=f"{package.name} {package.version} beside {first.version} for {target}",
                    allowed="one version a target",
                )


def _artifacts(lock: Lock) -> Iterator[Problem]:
    """Yield packages that have no file, or several, for a target."""
    for i, package in enumerate(lock.packages):
        where = f"package[{i}].artifacts"
        own = _targets(lock, package)
        files = Counter(target for one in package.artifacts for target in (one.targets or own))
        yield from _foreign(where, files, own)
        for target in own:
            if files[target] != 1:
                yield Problem(
                    where=where,
                    found=f"{files[target] or 'no'} files of {package.name} for {target}",
                    allowed="one file a target",
                )


def _foreign(where: str, named: Iterable[Target], known: Iterable[Target]) -> Iterator[Problem]:
    if others := sorted(set(named) - set(known)):
        yield Problem(where=where, found=f"for {', '.join(map(str, others))}, which is not locked")


def _dependencies(lock: Lock) -> Iterator[Problem]:
    names = {one.name for one in lock.packages}
    for i, package in enumerate(lock.packages):
        for needed in package.dependencies:
            if needed.name not in names:
                yield Problem(
                    where=f"package[{i}].dependencies",
                    found=f"{package.name} needs {needed.name}, which is not locked",
                )
