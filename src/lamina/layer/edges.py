"""Who needs whom among the packages of a layer, in the words of a lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.layer.requirements import stated_requirements
from lamina.lock.document import LockedDependency

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from packaging.requirements import Requirement

    from lamina.engines.probe import Distribution
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Reads what installed packages need, with the extras that are asked of each."""

    distributions: Mapping[PackageName, Distribution]
    environment: Mapping[str, str]
    """Values of the PEP 508 markers."""
    there: Collection[PackageName]
    """What can be needed; edges to anything else lead nowhere."""
    _extras: dict[PackageName, set[str]] = field(default_factory=dict)

    def ask(self, name: PackageName, extras: Iterable[str]) -> bool:
        """Note that extras of a package are asked for; tell whether one of them is new."""
        known = self._extras.setdefault(name, set())
        more = {canonicalize_name(one) for one in extras} - known
        known |= more
        return bool(more)

    def of(self, names: Collection[PackageName]) -> dict[PackageName, tuple[LockedDependency, ...]]:
        """Return what each package needs; what one asks of another counts too."""
        found: dict[PackageName, tuple[LockedDependency, ...]] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            found[name] = tuple(self._needs(name))
            waiting += [
                one.name
                for one in found[name]
                if self.ask(one.name, one.extras) and one.name in names
            ]
        return found

    def _needs(self, name: PackageName) -> Iterator[LockedDependency]:
        asked = sorted(self._extras.get(name, ()))
        seen = set()
        for requirement in stated_requirements(self.distributions[name]):
            needed = canonicalize_name(requirement.name)
            if needed not in self.there:
                continue
            for extra in self._bringing(requirement, asked):
                extras = tuple(sorted(map(canonicalize_name, requirement.extras)))
                if (needed, extras, extra) not in seen:
                    seen.add((needed, extras, extra))
                    yield LockedDependency(name=needed, extras=extras, extra=extra)

    def _bringing(self, requirement: Requirement, asked: Iterable[str]) -> list[str | None]:
        """Return the extras by which a requirement counts; None alone: it does without any."""
        marker = requirement.marker
        if marker is None or marker.evaluate({**self.environment, "extra": ""}):
            return [None]
        return [one for one in asked if marker.evaluate({**self.environment, "extra": one})]
