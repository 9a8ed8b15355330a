"""All source packages of a stack on one target: what is built, with what, in which order."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lamina.build.wheels.cache import key_of, reason_of
from lamina.build.wheels.graph import find_cycle, reachable
from lamina.build.wheels.work import Asked, Built, Kit, Work
from lamina.core import report
from lamina.core.errors import BuildFailedError, UnsatisfiableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.build.wheels.cache import BuiltWheel, WheelCache
    from lamina.build.wheels.making import Bench
    from lamina.build.wheels.order import Order
    from lamina.build.wheels.resolving import Environment, Resolver
    from lamina.build.wheels.workers import Workers
    from lamina.engines.api import ArtifactLocator
    from lamina.model.artifacts import Artifact
    from lamina.model.digests import Sha256
    from lamina.model.names import IndexName, PackageName

_FORMAT = 1
"""Raised when lamina builds in another way, so that nothing of before is taken for the same."""
_ROUNDS = 3
"""A back end may ask for more, and then again when it has that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A wheel that is there."""

    wheel: BuiltWheel
    fresh: bool
    """It was built now."""
    log: Path
    host: str = ""
    """The machine that built it; empty: this one, or nobody knows."""

    @property
    def seconds(self) -> float:
        """How long that took; 0 where it was there."""
        return float(self.wheel.provenance["seconds"]) if self.fresh else 0.0

    def how(self) -> str:
        """Return how it came to be, in words."""
        if not self.fresh:
            return "in the cache"
        return f"built in {self.seconds:.1f} s" + (f" on {self.host}" if self.host else "")


@dataclass(kw_only=True)
class Shop:
    """Builds wheels; each after those that it needs are made."""

    orders: Mapping[PackageName, Order]
    sources: Mapping[PackageName, Path]
    requires: Mapping[PackageName, tuple[str, ...]]
    """What the sources say that their build needs."""
    resolver: Resolver
    bench: Bench
    cache: WheelCache
    locator: ArtifactLocator
    indexes: Mapping[IndexName, str]
    compiler: str
    network: bool
    parents: tuple[tuple[str, ...], ...]
    """The ABI of each parent."""
    environments: dict[PackageName, Environment] = field(default_factory=dict)
    made: dict[PackageName, BuiltWheel] = field(default_factory=dict)
    _keys: dict[PackageName, Sha256] = field(default_factory=dict)
    _mutex: threading.RLock = field(default_factory=threading.RLock)

    def resolve(self) -> None:
        """Find the environment of each build; raises UnsatisfiableError for a cycle of them."""
        for name, order in sorted(self.orders.items()):
            self.environments[name] = self.resolver.environment(order, self.requires[name])
        if cycle := find_cycle(self.before_building()):
            lines = [f"{one} needs {other}" for one, other in pairwise(cycle)]
            raise UnsatisfiableError(
                f"packages need each other to be built: {', '.join(lines)}",
                hints=[f'bootstrap = "wheel" on packages.{one}' for one in sorted(set(cycle))],
            )

    def before_building(self) -> dict[PackageName, frozenset[PackageName]]:
        """Return, for each package, those that its build needs and that are built here too."""
        built = frozenset(self.orders)
        return {name: one.stack & built for name, one in self.environments.items()}

    def needs(self) -> dict[PackageName, frozenset[PackageName]]:
        """Return what each package comes after: what its build needs, and what it needs to run.

        The latter only where it makes no circle: packages may need each other to run.
        """
        found = dict(self.before_building())
        packages = self.resolver.locked.packages
        for name in sorted(found):
            for each in packages[name].dependencies:
                other = each.name
                runs = each.extra is None and self.resolver.locked.holds(each.marker)
                if runs and other in found and name not in reachable(found, other):
                    found[name] |= {other}
        return found

    def inputs(self, name: PackageName) -> dict[str, Any]:
        """Return all that goes into a build, as its provenance has it."""
        order, bench = self.orders[name], self.bench
        return {
            "format": _FORMAT,
            "name": name,
            "version": order.artifact.version,
            **said_of(order, bench.flags, network=self.network),
            "python": {"abi": bench.interpreter.soabi, "target": str(bench.target)},
            "compiler": self.compiler,
            **({"conda": bench.conda.inputs()} if bench.conda is not None else {}),
            "parents": [list(one) for one in self.parents],
            "requirements": sorted(self._requirements(name), key=lambda one: one["name"]),
        }

    def _requirements(self, name: PackageName) -> Iterable[dict[str, str]]:
        environment = self.environments[name]
        for one in self._artifacts(environment):
            known = {"name": one.package, "version": one.version}
            if one.package in self.orders and one.package in environment.stack:
                yield {**known, "build": self.key(one.package)}
            else:
                yield {**known, "file": one.filename, "sha256": one.sha256}

    def _artifacts(self, environment: Environment) -> list[Artifact]:
        lock, target = self.resolver.lock, self.bench.target
        ours = [one for one in lock.artifacts_for(target) if one.package in environment.stack]
        return [*ours, *environment.files]

    def key(self, name: PackageName) -> Sha256:
        """Return the key of a build, by what is known of it so far."""
        with self._mutex:
            if name not in self._keys:
                self._keys[name] = key_of(self.inputs(name))
            return self._keys[name]

    def fate(self, name: PackageName) -> str:
        """Return what would become of a package, and why."""
        if self.cache.find(self.key(name)) is not None:
            return "in the cache"
        return f"built: {reason_of(self.inputs(name), self.cache.last_inputs(name))}"

    def make(self, name: PackageName, workers: Workers) -> Made:
        """Return the wheel of a package, built by workers where the cache does not have it."""
        for _ in range(_ROUNDS):
            log = self.bench.log(name)
            if (there := self.cache.find(self.key(name))) is not None:
                self.made[name] = there
                return Made(wheel=there, fresh=False, log=log)
            match workers.work(self._work(name)):
                case Asked(further=further):
                    self._widen(name, further)
                case Built(wheel=wheel, fresh=fresh, host=host):
                    self.made[name] = wheel
                    made = Made(wheel=wheel, fresh=fresh, log=log, host=host)
                    if fresh:
                        report.note(f"{name} {self.orders[name].artifact.version}: {made.how()}")
                    return made
        raise BuildFailedError(f"the build back end of {name} asks for other things each time")

    def _work(self, name: PackageName) -> Work:
        environment = self.environments[name]
        allowed = self.made.keys() & environment.stack
        wanted, known = swap(self._artifacts(environment), {one: self.made[one] for one in allowed})
        return Work(
            bench=self.bench,
            order=self.orders[name],
            source=self.sources[name],
            kit=Kit(
                artifacts=tuple(wanted),
                addresses=WithBuilt(known, self.locator).addresses(wanted),
                further=environment.locked.further,
            ),
            indexes=self.indexes,
            inputs=self.inputs(name),
            cache=self.cache,
        )

    def _widen(self, name: PackageName, further: tuple[str, ...]) -> None:
        """Take into the environment of a build what its back end asks for."""
        order = self.orders[name]
        environment = self.resolver.environment(order, self.requires[name], further)
        self._refuse_unmade(name, environment)
        with self._mutex:
            self.environments[name] = environment
            self._keys.clear()

    def _refuse_unmade(self, name: PackageName, environment: Environment) -> None:
        missing = sorted((environment.stack & frozenset(self.orders)) - self.made.keys())
        if missing:
            raise BuildFailedError(
                f"the build back end of {name} asks for {', '.join(missing)}, which is built here "
                "and not made yet",
                hints=[f"requires = {missing} on packages.{name} makes it first"],
            )


def said_of(order: Order, flags: Mapping[str, str], *, network: bool) -> dict[str, Any]:
    """Return what a stack itself says of a build, among all that goes into it."""
    return {
        "source": {
            "file": order.artifact.filename,
            "sha256": order.artifact.sha256,
            **({"subdirectory": order.subdirectory} if order.subdirectory else {}),
        },
        "patches": [{"name": one.name, "sha256": one.sha256} for one in order.patches],
        "hooks": dict(order.hooks),
        "env": dict(order.env),
        **({"config": dict(order.config)} if order.config else {}),
        "flags": dict(flags),
        "network": network,
    }


def swap(
    artifacts: Iterable[Artifact], made: Mapping[PackageName, BuiltWheel]
) -> tuple[list[Artifact], dict[Artifact, str]]:
    """Return files with wheels in place of the sources of them, and where the wheels are."""
    known: dict[Artifact, str] = {}
    wanted = []
    for one in artifacts:
        wheel = made.get(one.package)
        if wheel is None or one.filename.endswith(".whl"):
            wanted.append(one)
            continue
        new = replace(one, filename=wheel.path.name, sha256=wheel.sha256, size=None)
        known[new] = wheel.path.as_uri()
        wanted.append(new)
    return wanted, known


class WithBuilt:
    """An ArtifactLocator that knows of wheels on this machine, and asks another for the rest."""

    def __init__(self, known: Mapping[Artifact, str], rest: ArtifactLocator) -> None:
        self._known = known
        self._rest = rest

    def addresses(self, artifacts: Iterable[Artifact]) -> dict[Artifact, str]:
        """Return an address for each artifact."""
        wanted = list(artifacts)
        here = {one: self._known[one] for one in wanted if one in self._known}
        there = [one for one in wanted if one not in here]
        return {**here, **(self._rest.addresses(there) if there else {})}
