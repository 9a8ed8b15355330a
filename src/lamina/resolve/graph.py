"""Which packages of a resolution a target gets, and who asked for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from packaging.markers import Marker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from lamina.engines.uv_lock import UvDependency, UvLock, UvPackage
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.demands import Demand

PackageId = tuple["PackageName", str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A dependency that is in force; ``extra`` is the one of the needing package that asks."""

    to: PackageId
    extras: tuple[str, ...]
    extra: str | None
    marker: str | None


@dataclass(slots=True, kw_only=True)
class Reached:
    """What one target gets."""

    packages: dict[PackageId, set[str]] = field(default_factory=dict)
    """Package -> extras of it that are asked for."""
    requested_by: dict[PackageId, set[str]] = field(default_factory=dict)
    edges: dict[PackageId, set[Edge]] = field(default_factory=dict)


@cache
def _marker(text: str) -> Marker:
    return Marker(text)


class MarkerTable:
    """Evaluates markers for one target, each text once."""

    def __init__(self, target: Target) -> None:
        self._environment = dict(target.marker_environment())
        self._known: dict[str, bool] = {}

    def holds(self, marker: str | None) -> bool:
        """Tell whether a marker holds for the target; no marker always does."""
        if marker is None:
            return True
        if marker not in self._known:
            self._known[marker] = _marker(marker).evaluate(self._environment)
        return self._known[marker]


class _Walk:
    """A walk along the edges that are in force for one target."""

    def __init__(self, lock: UvLock, target: Target, held: Collection[PackageName]) -> None:
        self.versions: dict[PackageName, list[UvPackage]] = {}
        for package in lock.packages:
            # Elsewhere the index may have the very version that is held here.
            if (not package.registry and not package.given) is (package.name in held):
                self.versions.setdefault(package.name, []).append(package)
        self.markers = MarkerTable(target)
        self.reached = Reached()
        self._waiting: list[tuple[UvPackage, tuple[str, ...]]] = []

    def visit(self, needed: UvDependency, extras: Iterable[str], asked_by: str) -> PackageId:
        """Note that a package is asked for; follow it when that is new."""
        package = _chosen(self.versions[needed.name], needed.version)
        key = (package.name, package.version)
        self.reached.requested_by.setdefault(key, set()).add(asked_by)
        new = key not in self.reached.packages
        have = self.reached.packages.setdefault(key, set())
        more = tuple(sorted(set(extras) - have))
        have.update(more)
        if new or more:
            self._waiting.append((package, more))
        return key

    def follow(self) -> None:
        """Walk until nothing new is found."""
        while self._waiting:
            package, extras = self._waiting.pop()
            edges = self.reached.edges.setdefault((package.name, package.version), set())
            for extra, needed in _needs(package, extras):
                if self.markers.holds(needed.marker):
                    to = self.visit(needed, needed.extras, package.name)
                    edges.add(Edge(to=to, extras=needed.extras, extra=extra, marker=needed.marker))


def reach(
    lock: UvLock,
    demands: Iterable[Demand],
    target: Target,
    held: Collection[PackageName] = (),
) -> Reached:
    """Walk from what the stack asks for along the edges that are in force for a target.

    ``held`` are the packages that the target does not have from an index.
    """
    walk = _Walk(lock, target, held)
    wanted: dict[PackageName, list[Demand]] = {}
    for demand in demands:
        if demand.holds_for(target):
            wanted.setdefault(demand.name, []).append(demand)
    for needed in lock.project.dependencies:
        if walk.markers.holds(needed.marker):
            for demand in wanted.get(needed.name, ()):
                walk.visit(needed, demand.extras, demand.origin)
    walk.follow()
    return walk.reached


def _needs(package: UvPackage, extras: Iterable[str]) -> Iterable[tuple[str | None, UvDependency]]:
    for needed in package.dependencies:
        yield None, needed
    for extra in extras:
        for needed in package.optional.get(extra, ()):
            yield extra, needed


def _chosen(candidates: list[UvPackage], version: str | None) -> UvPackage:
    if version is None:
        return candidates[0]
    return next(one for one in candidates if one.version == version)


def reach_all(
    lock: UvLock,
    demands: Iterable[Demand],
    targets: Iterable[Target],
    held: Mapping[Target, Collection[PackageName]] | None = None,
) -> Mapping[Target, Reached]:
    """Walk for every target."""
    asked = list(demands)
    return {target: reach(lock, asked, target, (held or {}).get(target, ())) for target in targets}
