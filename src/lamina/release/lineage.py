"""What a release stands on and what stands on it, by the parents that manifests name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core.errors import StorageError
from lamina.model.platforms import Platform
from lamina.release.root import INTERNAL, MANIFEST_NAME, Root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lamina.model.names import StackName
    from lamina.release.manifest import ManifestParent
    from lamina.release.root import Release

_MARK = b"[[parent]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """A parent of a release, with its own parents."""

    said: ManifestParent
    """What the manifest of the release says of it."""
    place: tuple[Root, Release] | None = None
    """Where it is; None for a lock, or when it is gone."""
    tiers: tuple[str, ...] = ()
    """The tiers that name it now."""
    parents: tuple[Ancestor, ...] = ()


def lineage(root: Root, release: Release) -> tuple[Ancestor, ...]:
    """Return the parents of a release with theirs, in the order that counts."""
    return tuple(_ancestor(root, release, one) for one in release.manifest().parents)


def _ancestor(root: Root, child: Release, said: ManifestParent) -> Ancestor:
    place = parent_release(root, child, said)
    if place is None:
        return Ancestor(said=said)
    there, release = place
    tiers = there.tiers(release.stack).items()
    return Ancestor(
        said=said,
        place=place,
        tiers=tuple(name for name, version in tiers if version == release.version),
        parents=lineage(there, release),
    )


def parent_release(root: Root, child: Release, said: ManifestParent) -> tuple[Root, Release] | None:
    """Return the release of a parent and its root: for the child's platform where there is one."""
    if said.version is None:
        return None
    there = Root(Path(said.root)) if said.root else root
    for platform in (child.platform, *Platform):
        if release := there.release(said.stack, said.version, platform):
            return there, release
    return None


def children(root: Root) -> Iterator[tuple[Release, ManifestParent]]:
    """Yield each release of a root that extends others, with each of these.

    Raises DocumentError for a manifest that names parents and cannot be read: who deletes what
    nobody needs must know them all.
    """
    for release in root.releases():
        path = release.prefix / INTERNAL / MANIFEST_NAME
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            continue  # Collected since.
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error
        # Most releases extend nothing: reading every manifest whole would take its time.
        if _MARK in text:
            for parent in release.manifest().parents:
                yield release, parent


def extended_by(root: Root, holders: Iterable[Root]) -> dict[str, list[str]]:
    """Return who extends what in ``root``, by the prefix of each: the releases of ``holders``."""
    found: dict[str, list[str]] = {}
    for holder in holders:
        for child, said in children(holder):
            if said.version is None or not _same(holder, said, root):
                continue
            for platform in Platform:
                prefix = root.prefix_of(said.stack, said.version, platform).as_posix()
                place = "" if holder is root else f" in {holder.path}"
                who = f"{child.name}{place} extends it"
                if who not in found.setdefault(prefix, []):
                    found[prefix].append(who)
    return found


def asked_by_tier(root: Root, stack: StackName, tier: str) -> list[str]:
    """Return the releases of a root whose stacks ask for what a tier names."""
    names = [
        child.name
        for child, said in children(root)
        if said.stack == stack and said.tier == tier and _same(root, said, root)
    ]
    return list(dict.fromkeys(names))


def _same(holder: Root, said: ManifestParent, root: Root) -> bool:
    """Tell whether a parent that a release in ``holder`` has is in ``root``."""
    place = Path(said.root) if said.root else holder.path
    return place.resolve() == root.path.resolve()


def render_lineage(parents: Sequence[Ancestor], indent: str = "  ") -> list[str]:
    """Return a line for each ancestor, those of one further in."""
    lines = []
    for one in parents:
        said = one.said
        remarks = [f"priority {said.priority}"] if said.priority else []
        remarks += [f"asked for as @{said.tier}"] if said.tier else []
        remarks += [f"in {said.root}"] if said.root else []
        if said.found == "lock":
            over = f", which extends {', '.join(said.below)}" if said.below else ""
            remarks.append(f"by its lock{over}")
        elif one.place is None:
            remarks.append("not there any more")
        remarks += [f"{said.stack}@{name}" for name in one.tiers]
        lines.append(indent + said.name + (f"  ({'; '.join(remarks)})" if remarks else ""))
        lines += render_lineage(one.parents, indent + "  ")
    return lines


def lineage_value(parents: Iterable[Ancestor]) -> list[dict[str, Any]]:
    """Return the ancestors as a JSON value."""
    return [
        {
            "name": one.said.name,
            "stack": one.said.stack,
            "version": one.said.version,
            "found": one.said.found,
            "root": one.said.root,
            "priority": one.said.priority,
            "asked-tier": one.said.tier,
            "there": one.place is not None,
            "tiers": list(one.tiers),
            "parents": lineage_value(one.parents),
        }
        for one in parents
    ]
