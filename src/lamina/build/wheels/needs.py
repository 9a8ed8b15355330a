"""What a build needs: of the packages of the stack, and of the index where the stack has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import Requirement

from lamina.core.errors import UnsatisfiableError
from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.build.wheels.order import Order
    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the environment of a build consists of."""

    stack: frozenset[PackageName]
    """Packages of the lock, with all that they need to run."""
    index: tuple[str, ...]
    """Requirements that the lock has nothing for, PEP 508."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """The packages of a lock for one target."""

    packages: Mapping[PackageName, LockedPackage]
    environment: Mapping[str, str]
    """For markers."""
    provided: Mapping[PackageName, str] = field(default_factory=dict)
    """Distributions that conda packages have, with their versions: builds see them."""

    @classmethod
    def of(cls, lock: Lock, target: Target) -> Locked:
        """Return those of a target."""
        return cls(
            packages={one.name: one for one in lock.packages_for(target)},
            environment=dict(target.marker_environment()),
            provided={
                each.name: each.version for one in lock.conda_for(target) for each in one.provides
            },
        )

    def holds(self, marker: Marker | str | None, extra: str = "") -> bool:
        """Tell whether a marker holds on the target."""
        if marker is None:
            return True
        if isinstance(marker, str):
            marker = Marker(marker)
        return bool(marker.evaluate({**self.environment, "extra": extra}))

    def closure(
        self, roots: Mapping[PackageName, frozenset[str]], but: Iterable[PackageName] = ()
    ) -> frozenset[PackageName]:
        """Return packages of the lock with all that they need to run; roots with their extras."""
        left_out = set(but)
        found: set[tuple[PackageName, str]] = set()
        wave = {(name, extra) for name, extras in roots.items() for extra in ("", *extras)}
        while wave:
            found |= wave
            wave = {
                (each.name, extra)
                for name, asked in wave
                if name in self.packages
                for each in self.packages[name].dependencies
                if (each.extra or "") == asked and each.name in self.packages
                if each.name not in left_out and self.holds(each.marker, asked)
                for extra in ("", *each.extras)
            } - found
        return frozenset(name for name, _ in found if name in self.packages)

    def needs(
        self, order: Order, requires: Iterable[str], others: Mapping[PackageName, Order]
    ) -> Needs:
        """Return what the build of a package needs, which says ``requires``.

        What the stack's ``requires`` names takes the place of what the package itself says of it.
        Raises UnsatisfiableError where the stack has another version than one that is asked for.
        """
        own = {parse_package_name(Requirement(one).name): one for one in order.requires}
        texts = [one for one in requires if parse_package_name(Requirement(one).name) not in own]
        roots: dict[PackageName, frozenset[str]] = {}
        index: list[str] = []
        for text in sorted({*texts, *order.requires}):
            one = Requirement(text)
            if not self.holds(one.marker):
                continue
            name = parse_package_name(one.name)
            other = others.get(name)
            if order.isolated or name == order.name or self.version(name) is None:
                index.append(text)
                continue
            self._check(order, one, name, said=name not in own)
            if name in self.provided:
                continue
            if other is not None and other.bootstrap:
                index.append(f"{name}=={self.packages[name].version}")
                continue
            roots[name] = roots.get(name, frozenset()) | {parse_package_name(e) for e in one.extras}
        boot = {name for name, other in others.items() if other.bootstrap}
        found = self.closure(roots, but=(*boot, order.name))
        extra = self.closure(roots) & boot
        index += [f"{name}=={self.packages[name].version}" for name in sorted(extra)]
        return Needs(stack=found, index=tuple(sorted(set(index))))

    def _check(self, order: Order, one: Requirement, name: PackageName, *, said: bool) -> None:
        version = self.version(name)
        if version is None or one.specifier.contains(version, prereleases=True):
            return
        who = order.name if said else f"packages.{order.name}.requires"
        raise UnsatisfiableError(
            f"{order.name} is built against the stack, which has {name} {version}; "
            f"{who} asks for {one}",
            hints=[
                f'requires = ["{name}"] on packages.{order.name}, if {version} does as well',
                "isolated = true there: it is then built with requirements of its own",
            ],
        )

    def version(self, name: PackageName) -> str | None:
        """Return the version that the stack has of a distribution, from wherever it is."""
        package = self.packages.get(name)
        return package.version if package is not None else self.provided.get(name)

    def pins(self) -> tuple[str, ...]:
        """Return every distribution of the stack at its version."""
        names = sorted({*self.packages, *self.provided})
        return tuple(f"{name}=={self.version(name)}" for name in names)
