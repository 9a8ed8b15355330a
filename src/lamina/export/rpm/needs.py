"""What RPMs say of each other: the lock's edges, and what an upgrade takes away."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core.errors import LaminaError
from lamina.engines.conda_records import name_of, parse_spec
from lamina.export.rpm.shape import version_of
from lamina.lock.chains import exact_environment, in_force
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.platforms import Target
from lamina.release.root import release_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.export.rpm.owners import Owner
    from lamina.export.rpm.shape import Shape
    from lamina.lock.document import Lock
    from lamina.release.mtree import Entry
    from lamina.release.root import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What there is to say of the packages of a release, besides their files."""

    edges: Mapping[Owner, tuple[str, ...]]
    """What each needs, as names of RPMs. Without versions: so a package stays the same when only
    what it needs changes. The metapackage needs exact versions of all."""
    times: Mapping[Owner, int]
    """When the index or channel got each, since 1970."""
    licences: Mapping[Owner, str]
    former: tuple[str, ...]
    """What earlier releases had and this one has not, as RPM says it."""
    empty: frozenset[str]
    """Directories with nothing in them."""


def find_needs(
    shape: Shape, release: Release, owners: tuple[Owner, ...], entries: Mapping[str, Entry]
) -> Needs:
    """Return it by the release's own lock; raises DocumentError when that cannot be read."""
    lock, manifest = load_lock(release.internal / LOCK_NAME), release.manifest()
    target = Target(release.platform, manifest.python.series)
    by_name: dict[tuple[str, str], Owner] = {(one.kind, one.name): one for one in owners}
    environment = exact_environment(target, manifest.python.version)
    python = by_name.get(("python", "python")) or by_name.get(("conda", "python"))
    edges: dict[Owner, set[Owner]] = defaultdict(set)
    whole: dict[Owner, tuple[str, ...]] = {}
    for owner, other in _edges(lock, target, by_name, environment):
        edges[owner].add(other)
    for owner in owners:
        if python is not None and owner.kind == "pypi":
            edges[owner].add(python)
    if python is not None and python.kind == "python":
        # It has no start without what knows the whole release, which needs all the others.
        whole[python] = (shape.stem,)
    licences = {str(one.name): one.licence for one in manifest.packages if one.licence}
    return Needs(
        edges={
            owner: tuple(sorted(shape.name_of(one.kind, one.name) for one in needed - {owner}))
            for owner, needed in edges.items()
        }
        | whole,
        times=dict(_times(lock, target, by_name)),
        licences={one: licences[one.name] for one in owners if one.name in licences},
        former=() if shape.side_by_side else _former(shape, release, by_name),
        empty=_empty(entries),
    )


def _edges(
    lock: Lock,
    target: Target,
    by_name: Mapping[tuple[str, str], Owner],
    environment: Mapping[str, str],
) -> Iterator[tuple[Owner, Owner]]:
    provided = {
        str(inner.name): by_name.get(("conda", one.name))
        for one in lock.conda_for(target)
        for inner in one.provides
    }
    for package in lock.packages_for(target):
        owner = by_name.get(("pypi", package.name))
        for one in package.dependencies:
            other = by_name.get(("pypi", one.name)) or provided.get(one.name)
            if owner and other and in_force(one, environment):
                yield owner, other
    for record in lock.conda_for(target):
        owner = by_name.get(("conda", record.name))
        for text in record.depends:
            other = by_name.get(("conda", name_of(parse_spec(text))))
            if owner and other:
                yield owner, other


def _times(
    lock: Lock, target: Target, by_name: Mapping[tuple[str, str], Owner]
) -> Iterator[tuple[Owner, int]]:
    for package in lock.packages_for(target):
        owner = by_name.get(("pypi", package.name))
        for file in package.artifacts:
            if owner and file.uploaded and (not file.targets or target in file.targets):
                yield owner, int(file.uploaded.timestamp())
    for record in lock.conda_for(target):
        owner = by_name.get(("conda", record.name))
        if owner and record.built:
            yield owner, int(record.built.timestamp())


def _former(
    shape: Shape, release: Release, by_name: Mapping[tuple[str, str], Owner]
) -> tuple[str, ...]:
    """Return what is to go when a release is installed over an earlier one of the same root.

    With their versions, so that a later release may have them again.
    """
    created = release.manifest().created
    found: set[str] = set()
    for prefix in sorted(release.prefix.parents[1].glob(f"*/{release.platform}")):
        other = release_at(prefix)
        if other is None or other.prefix == release.prefix or other.stack != release.stack:
            continue
        try:
            manifest, lock = other.manifest(), load_lock(other.internal / LOCK_NAME)
            if manifest.created >= created:
                continue
            target = Target(other.platform, manifest.python.series)
            had = [("pypi", str(one.name), str(one.version)) for one in lock.packages_for(target)]
            had += [("conda", one.name, one.version) for one in lock.conda_for(target)]
            gone = [one for one in had if one[:2] not in by_name]
            found |= {f"{shape.name_of(*one[:2])} <= {version_of(*one)}" for one in gone}
        except LaminaError:
            continue  # A damaged release is not the one that is exported.
    return tuple(sorted(found))


def _empty(entries: Mapping[str, Entry]) -> frozenset[str]:
    full = {path.rpartition("/")[0] for path in entries}
    return frozenset(
        path for path, one in entries.items() if one.kind == "dir" and path not in full
    )
