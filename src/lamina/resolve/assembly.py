"""From a resolution to the lock document."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from packaging.version import Version

from lamina.core.errors import IntegrityError
from lamina.engines.uv_lock import UvFile
from lamina.lock.document import Lock, LockedArtifact, LockedDependency, LockedPackage
from lamina.resolve.demands import index_of, stack_targets
from lamina.resolve.inherited import Inherited
from lamina.resolve.project import waived
from lamina.resolve.selection import choose_wheel, system_floor
from lamina.stack.files import digest_of_resolution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.uv_lock import UvLock, UvPackage
    from lamina.model.platforms import Target
    from lamina.resolve.graph import Edge, PackageId, Reached
    from lamina.stack.document import PackageEntry, Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A package without a file that a target can use."""

    package: UvPackage
    target: Target


def choose_files(
    stack: Stack, lock: UvLock, reached: Mapping[Target, Reached]
) -> tuple[dict[PackageId, dict[Target, UvFile]], list[Missing]]:
    """Return the file of each package for each target, and where there is none."""
    floor = system_floor(stack)
    chosen: dict[PackageId, dict[Target, UvFile]] = {}
    missing: list[Missing] = []
    for package in lock.packages:
        key = (package.name, package.version)
        entry = stack.packages.get(package.name)
        from_source = stack.is_source(package.name)
        wheels = {} if from_source else {one.filename: one for one in package.wheels}
        for target, one in reached.items():
            if key not in one.packages:
                continue
            wheel = choose_wheel(wheels, target, floor)
            if (inherited := _inherited_file(entry, package, target)) is not None:
                chosen.setdefault(key, {})[target] = inherited
            elif wheel is not None:
                chosen.setdefault(key, {})[target] = wheels[wheel]
            elif package.sdist and (from_source or not stack.resolve.only_binary):
                chosen.setdefault(key, {})[target] = package.sdist
            else:
                missing.append(Missing(package=package, target=target))
    return chosen, missing


def _inherited_file(
    entry: PackageEntry | None, package: UvPackage, target: Target
) -> UvFile | None:
    """Return the file that a parent has of a package, whatever the index offers by now.

    Raises IntegrityError when the index has other bytes under its name.
    """
    file = entry.file_for(package.version, target) if isinstance(entry, Inherited) else None
    if file is None:
        return None
    offered = [*package.wheels, *([package.sdist] if package.sdist else [])]
    same = next((one for one in offered if one.filename == file.file), None)
    if same is not None and same.sha256 != file.sha256:
        raise IntegrityError(
            f"{file.file} on the index is not the file that the parent has: "
            f"sha256 {same.sha256}, there {file.sha256}",
            hints=[f"find out why it changed; or list {package.name} under [packages]"],
        )
    return UvFile(
        filename=file.file,
        address=same.address if same is not None else "",
        sha256=file.sha256,
        uploaded=file.uploaded.isoformat() if file.uploaded else None,
    )


def assemble_lock(
    stack: Stack,
    lock: UvLock,
    reached: Mapping[Target, Reached],
    files: Mapping[PackageId, Mapping[Target, UvFile]],
) -> Lock:
    """Return the lock; the same resolution gives the same document."""
    targets = stack_targets(stack)
    here = {key for one in reached.values() for key in one.packages}
    several = {name for name, count in Counter(name for name, _ in here).items() if count > 1}
    packages = [
        _package(stack, package, reached, files, several)
        for package in lock.packages
        if (package.name, package.version) in here
    ]
    return Lock(
        stack=stack.stack.name,
        stack_digest=digest_of_resolution(stack),
        exclude_newer=stack.resolve.exclude_newer,
        targets=targets,
        packages=tuple(sorted(packages, key=lambda one: (one.name, Version(one.version)))),
    )


def _package(
    stack: Stack,
    package: UvPackage,
    reached: Mapping[Target, Reached],
    files: Mapping[PackageId, Mapping[Target, UvFile]],
    several: Iterable[str],
) -> LockedPackage:
    key = (package.name, package.version)
    targets = [target for target, one in reached.items() if key in one.packages]
    requested_by = {who for target in targets for who in reached[target].requested_by[key]}
    return LockedPackage(
        name=package.name,
        version=package.version,
        index=index_of(stack, package.name),
        targets=() if len(targets) == len(reached) else tuple(sorted(targets)),
        requested_by=tuple(sorted(requested_by)),
        waived=waived(stack).get(package.name, ()),
        dependencies=_dependencies(key, {one: reached[one] for one in targets}, several),
        artifacts=_artifacts(files[key], targets),
    )


def _dependencies(
    key: PackageId, reached: Mapping[Target, Reached], several: Iterable[str]
) -> tuple[LockedDependency, ...]:
    """Return the edges in force somewhere; a marker that holds on all targets says nothing."""
    many = set(several)
    edges: dict[Edge, int] = {}
    for one in reached.values():
        for edge in one.edges.get(key, ()):
            edges[edge] = edges.get(edge, 0) + 1
    found = {
        LockedDependency(
            name=edge.to[0],
            version=edge.to[1] if edge.to[0] in many else None,
            extras=edge.extras,
            extra=edge.extra,
            marker=None if count == len(reached) else edge.marker,
        )
        for edge, count in edges.items()
    }
    return tuple(sorted(found, key=lambda one: one.model_dump_json()))


def _artifacts(
    files: Mapping[Target, UvFile], targets: Iterable[Target]
) -> tuple[LockedArtifact, ...]:
    everywhere = set(targets)
    by_file: dict[UvFile, set[Target]] = {}
    for target, file in files.items():
        by_file.setdefault(file, set()).add(target)
    return tuple(
        LockedArtifact(
            file=file.filename,
            sha256=file.sha256,
            uploaded=datetime.fromisoformat(file.uploaded) if file.uploaded else None,
            targets=() if used == everywhere else tuple(sorted(used)),
        )
        for file, used in sorted(by_file.items(), key=lambda item: item[0].filename)
    )
