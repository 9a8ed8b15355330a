"""What no single field of a lock shows: a lock edited by hand, or merged badly, is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from lamina.core.errors import Problem
from lamina.lock.document import PARENT
from lamina.model.names import GIT_INDEX, OF_NO_INDEX, PATH_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.platforms import Target

_ARCHIVES = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tar")


def check_lock(lock: Lock) -> Iterator[Problem]:
    """Yield what is wrong: packages twice, files for no or several targets, names that differ."""
    names = {package.name for package in lock.packages}
    names |= {one.name for package in lock.conda for one in package.provides}
    parents = {f"{PARENT}{one.name}" for one in lock.parents}
    seen: dict[tuple[str, Target], int] = {}
    for number, package in enumerate(lock.packages):
        where = f"package[{number}]"
        targets = package.targets or lock.targets
        yield from _check_targets(f"{where}.targets", package.targets, lock.targets)
        for target in targets:
            first = seen.setdefault((package.name, target), number)
            if first != number:
                yield Problem(where=where, found=f"{package.name} for {target} a second time")
        yield from _check_origin(where, package)
        yield from _check_files(where, package, targets)
        for who in package.requested_by:
            if who.startswith(PARENT) and who not in parents:
                yield Problem(where=f"{where}.requested-by", found=f"{who} is no parent")
        for needed in sorted({one.name for one in package.dependencies} - names):
            yield Problem(
                where=f"{where}.dependencies",
                found=f"{package.name} needs {needed}, which is not locked",
            )


def _check_origin(where: str, package: LockedPackage) -> Iterator[Problem]:
    origin = package.origin
    kind = None if origin is None else GIT_INDEX if origin.git else PATH_INDEX
    if (package.index if package.index in OF_NO_INDEX else None) != kind:
        allowed = f"index = {kind!r}" if kind else "the index, or an origin"
        yield Problem(where=f"{where}.index", found=f"{package.index!r}", allowed=allowed)


def check_conda(lock: Lock) -> Iterator[Problem]:
    """Yield what is wrong with the conda packages: twice, misnamed, no Python, strange targets."""
    seen: dict[tuple[str, Target], int] = {}
    for number, one in enumerate(lock.conda):
        where = f"conda[{number}]"
        yield from _check_targets(f"{where}.targets", one.targets, lock.targets)
        for target in one.targets or lock.targets:
            first = seen.setdefault((one.name, target), number)
            if first != number:
                yield Problem(where=where, found=f"{one.name} for {target} a second time")
        if not one.file.startswith(f"{one.name}-{one.version}-{one.build}."):
            found = f"{one.file!r} is not a file of {one.name} {one.version} {one.build}"
            yield Problem(where=f"{where}.file", found=found)
    for target in lock.targets if lock.conda else ():
        if ("python", target) not in seen:
            found = f"no python for {target}, which has other packages of channels"
            yield Problem(where="conda", found=found)


def _check_targets(
    where: str, some: Iterable[Target], known: Iterable[Target]
) -> Iterator[Problem]:
    allowed = f"the lock is for {', '.join(map(str, known))}"
    for target in some:
        if target not in known:
            yield Problem(where=where, found=f"{target} is no target of the lock", allowed=allowed)


def _check_files(
    where: str, package: LockedPackage, targets: Iterable[Target]
) -> Iterator[Problem]:
    version = Version(package.version)
    for number, file in enumerate(package.artifacts):
        place = f"{where}.artifacts[{number}]"
        yield from _check_targets(f"{place}.targets", file.targets, targets)
        if wrong := _misnamed(file.file, package.name, version):
            yield Problem(where=f"{place}.file", found=f"{file.file!r} {wrong}")
    for target in targets:
        count = sum(not one.targets or target in one.targets for one in package.artifacts)
        if count != 1:
            found = f"{count or 'no'} file{'s' if count > 1 else ''} of {package.name} for {target}"
            yield Problem(where=f"{where}.artifacts", found=found, allowed="one is needed")


def _misnamed(file: str, name: str, version: Version) -> str:
    if file.endswith(_ARCHIVES):
        # How sources are called was free for long, so only their beginning is looked at.
        stem = canonicalize_name(file)
        return "" if stem.startswith(f"{name}-") else f"is not a file of {name}"
    try:
        named, of, _, _ = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return "is neither a wheel nor an archive of sources"
    return "" if (named, of) == (name, version) else f"is not a file of {name} {version}"
