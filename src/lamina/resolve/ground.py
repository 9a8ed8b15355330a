"""The conda side of a stack: what comes from channels, which the index side stands on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from lamina.core.errors import UnsatisfiableError, UsageError
from lamina.engines.conda_channels import channel_addresses
from lamina.engines.conda_solve import CondaChannels, CondaSession, SolveRequest
from lamina.engines.conda_virtual import virtual_packages
from lamina.engines.index_addresses import cache_directory
from lamina.press.names import conda_spec
from lamina.resolve.demands import stack_demands, stack_targets
from lamina.resolve.provisions import ProvisionReader
from lamina.resolve.selection import system_floor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from packaging.specifiers import SpecifierSet

    from lamina.lock.document import Lock
    from lamina.model.conda import CondaRecord
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.demands import Demand
    from lamina.resolve.provisions import Provisions
    from lamina.stack.conda import CondaEntry
    from lamina.stack.document import Stack

PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What the index side asks of a conda package."""

    spec: str
    """A MatchSpec."""
    why: str
    """A line of lamina.toml, or a package with what it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A distribution that a conda package has."""

    version: Version
    record: CondaRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the channels give for each target."""

    records: Mapping[Target, tuple[CondaRecord, ...]]
    provisions: Mapping[CondaRecord, Provisions]
    channels: Mapping[str, str]
    """Address, with a slash at its end, -> what lamina.toml calls the channel."""
    bounds: Mapping[Target, tuple[Bound, ...]]

    def held(self, target: Target) -> dict[PackageName, Held]:
        """Return the distributions that the target has from channels.

        Of two packages with one distribution the one that is called like it counts.
        """
        found: dict[PackageName, Held] = {}
        for record in self.records[target]:
            for one in self.provisions[record]:
                if one.name not in found or canonicalize_name(record.name) == one.name:
                    found[one.name] = Held(version=Version(one.version), record=record)
        return found

    def held_everywhere(self) -> dict[Target, dict[PackageName, Held]]:
        """Return the distributions of every target."""
        return {target: self.held(target) for target in self.records}

    def versions(self) -> dict[Target, dict[PackageName, Version]]:
        """Return the distributions of every target by their versions."""
        return {
            target: {name: one.version for name, one in held.items()}
            for target, held in self.held_everywhere().items()
        }


@dataclass(slots=True, kw_only=True)
class CondaSide:
    """Solves the conda side, again and again as the index side asks more of it."""

    stack: Stack
    session: CondaSession
    addresses: Mapping[str, str]
    reader: ProvisionReader
    locked: Mapping[Target, tuple[CondaRecord, ...]]
    _solved: dict[tuple[Target, tuple[Bound, ...]], tuple[CondaRecord, ...]] = field(
        default_factory=dict
    )

    def ground(self, bounds: Mapping[Target, tuple[Bound, ...]] | None = None) -> Ground:
        """Return what the channels give within bounds, and within what [packages] asks.

        Raises UnsatisfiableError, UpstreamUnavailableError, IntegrityError, UsageError.
        """
        asked = dict.fromkeys(stack_targets(self.stack), ()) | dict(bounds or {})
        if not self._solved:
            specs = [one for target in asked for one in self.specs(target)]
            self.session.fetch(specs, sorted({one.platform for one in asked}))
        while True:
            records = {target: self._solve(target, asked[target]) for target in asked}
            ground = self._ground(records, asked)
            more = {target: self._listed_bounds(target, ground) for target in asked}
            if not any(more.values()):
                self._check_listed(ground)
                return ground
            asked = {target: (*asked[target], *more[target]) for target in asked}

    def specs(self, target: Target) -> list[str]:
        """Return what a target asks of the channels, as MatchSpecs."""
        return [
            f"{PYTHON} {target.python}.*",
            *(
                entry.spec(name)
                for name, entry in sorted(self.stack.conda.items())
                if not entry.platforms or target.platform in entry.platforms
            ),
        ]

    def _solve(self, target: Target, bounds: tuple[Bound, ...]) -> tuple[CondaRecord, ...]:
        if (target, bounds) not in self._solved:
            try:
                found = self.session.solve(self._request(target, bounds))
            except UnsatisfiableError as error:
                raise self._explained(target, bounds, error) from error
            self._solved[target, bounds] = tuple(found)
        return self._solved[target, bounds]

    def _explained(
        self, target: Target, bounds: tuple[Bound, ...], error: UnsatisfiableError
    ) -> UnsatisfiableError:
        """Return the failure with the lines of lamina.toml and the packages that it is about."""
        sides = [
            conda_line(name, entry)
            for name, entry in sorted(self.stack.conda.items())
            if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", error.message)
        ]
        sides += [one.why for one in bounds]
        asked = f"\nasked by: {'; '.join(dict.fromkeys(sides))}" if sides else ""
        return UnsatisfiableError(
            f"the channels have no solution for {target}: {error.message}{asked}",
            hints=[*error.hints, *_about_systems(target, error.message)],
        )

    def _request(self, target: Target, bounds: tuple[Bound, ...]) -> SolveRequest:
        resolve = self.stack.resolve
        positions = {channel: number for number, channel in enumerate(self.addresses)}
        return SolveRequest(
            specs=self.specs(target),
            platform=target.platform,
            virtual=virtual_packages(
                target.platform,
                floor=system_floor(self.stack),
                march=self.stack.build.march_on(target.platform),
                overrides=resolve.virtual.get(target.platform),
            ),
            constraints=[one.spec for one in bounds],
            locked=self.locked.get(target, ()),
            only_from={
                name: positions[entry.channel]
                for name, entry in self.stack.conda.items()
                if entry.channel is not None
            },
            exclude_newer=resolve.exclude_newer,
            strategy=resolve.strategy,
        )

    def _ground(
        self,
        records: Mapping[Target, tuple[CondaRecord, ...]],
        bounds: Mapping[Target, tuple[Bound, ...]],
    ) -> Ground:
        every = dict.fromkeys(one for many in records.values() for one in many)
        return Ground(
            records=records,
            provisions=self.reader.read(every),
            channels={f"{address}/": name for name, address in self.addresses.items()},
            bounds=bounds,
        )

    def _listed_bounds(self, target: Target, ground: Ground) -> tuple[Bound, ...]:
        """Return what [packages] and [groups] ask of a distribution that has another version."""
        held = ground.held(target)
        return tuple(
            bound
            for one in self._unmet(target, held)
            if (bound := bound_on(held[one.name].record, one.specifier, one.where))
            not in ground.bounds[target]
        )

    def _unmet(self, target: Target, held: Mapping[PackageName, Held]) -> list[Demand]:
        return [
            one
            for one in stack_demands(self.stack)
            if one.holds_for(target)
            and one.name in held
            and not one.specifier.contains(held[one.name].version, prereleases=True)
        ]

    def _check_listed(self, ground: Ground) -> None:
        """Raise UnsatisfiableError where a package has another version than its name says."""
        for target in ground.records:
            held = ground.held(target)
            for one in self._unmet(target, held):
                record, version = held[one.name].record, held[one.name].version
                raise UnsatisfiableError(
                    f"the conda package {record} has {one.name} {version} inside, "
                    f"which {one.where} does not allow ({target})",
                    hints=[f"take {one.name} out of [packages], or ask for another {record.name}"],
                )


def _about_systems(target: Target, message: str) -> list[str]:
    """Return how to say what the machines have that a package is refused for."""
    hints = []
    for name in dict.fromkeys(re.findall(r"(?<![\w.-])__\w+", message)):
        field = {"__glibc": "glibc", "__osx": "macos"}.get(name)
        newer = re.search(rf"{name} >=(\d+(?:\.\d+)*)", message)
        hints.append(
            f'where all machines have a newer one: [resolve] {field} = "{_two(newer)}"'
            if field
            else f"where all machines have {name}: [resolve.virtual] {target.platform} = "
            f'{{ {name} = "VERSION" }}'
        )
    return hints


def _two(version: re.Match[str] | None) -> str:
    """Return the first two numbers of a version, which is what a stack says of a system."""
    return ".".join([*version[1].split("."), "0"][:2]) if version else "VERSION"


def conda_line(name: str, entry: CondaEntry) -> str:
    """Return how messages name a line of [conda]."""
    text = f"{entry.version} {entry.build}" if entry.build else entry.version
    return f"conda.{name} = {text!r}"


def bound_on(record: CondaRecord, specifier: SpecifierSet, why: str) -> Bound:
    """Return what an index requirement asks of the conda package that has the distribution."""
    return Bound(spec=conda_spec(record.name, specifier), why=why)


def conda_side(
    stack: Stack,
    *,
    directory: Path,
    environ: Mapping[str, str],
    previous: Lock | None,
    upgraded: Collection[PackageName],
) -> CondaSide:
    """Return the conda side of a stack; paths of channels begin at ``directory``.

    The builds of ``previous`` are kept where nothing speaks against them. Raises UsageError.
    """
    names = stack.resolve.channels
    if not names:
        raise UsageError(
            "[conda] asks for packages of channels, and resolve.channels names none",
            hints=['[resolve] channels = ["conda-forge"]'],
        )
    addresses = channel_addresses(names, directory, environ)
    cache = cache_directory(environ) / "conda"
    channels = CondaChannels(
        addresses=list(addresses.values()), cache=cache / "repodata", labels=list(names)
    )
    return CondaSide(
        stack=stack,
        session=CondaSession.over(channels),
        addresses=addresses,
        reader=ProvisionReader(directory=cache, environ=environ),
        locked=_locked(stack, previous, addresses, upgraded),
    )


def _locked(
    stack: Stack,
    previous: Lock | None,
    addresses: Mapping[str, str],
    upgraded: Collection[PackageName],
) -> dict[Target, tuple[CondaRecord, ...]]:
    if previous is None:
        return {}
    kept = [
        one
        for one in previous.conda
        if one.channel in addresses
        and not {canonicalize_name(one.name), *(each.name for each in one.provides)} & {*upgraded}
    ]
    return {
        target: tuple(
            one.record(
                url=f"{addresses[one.channel]}/{one.subdir}/{one.file}",
                channel=f"{addresses[one.channel]}/",
            )
            for one in kept
            if not one.targets or target in one.targets
        )
        for target in stack_targets(stack)
        if target in previous.targets
    }
