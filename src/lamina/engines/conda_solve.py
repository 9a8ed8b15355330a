"""Solving of conda packages: one question, one answer, and a reason where there is none."""

from __future__ import annotations

import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import rattler
from rattler import Channel, Gateway, MatchSpec, RepoDataRecord, SourceConfig, Subdir

from lamina.core.errors import UnsatisfiableError, UsageError
from lamina.core.run import redact
from lamina.engines import conda_virtual
from lamina.engines.conda_boundary import call, guarded
from lamina.engines.conda_records import from_engine, name_of, parse_spec, to_engine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from lamina.model.conda import CondaRecord
    from lamina.model.platforms import Platform

Strategy = Literal["highest", "lowest", "lowest-direct"]
_NOARCH = "noarch"


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaChannels:
    """Channels, the first before the others, and where what they say is kept."""

    addresses: Sequence[str]
    """``https://...``, ``file:///...`` or the path of a directory."""
    cache: Path
    sharded: bool = True
    """Ask for shards where a channel has them."""
    labels: Sequence[str] = ()
    """What people call the channels, in the same order; empty: by their addresses."""

    def label(self, position: int) -> str:
        """Return what messages call a channel."""
        return self.labels[position] if self.labels else redact(self.addresses[position])

    def gateway(self) -> Gateway:
        """Return what fetches repodata."""
        config = SourceConfig(sharded_enabled=self.sharded)
        return guarded(
            lambda: Gateway(cache_dir=self.cache, default_config=config), "the cache of repodata"
        )

    def sources(self) -> list[Channel]:
        """Return the channels as the engine's; raises UsageError."""
        return [guarded(lambda a=one: Channel(_address(a)), one) for one in self.addresses]  # type: ignore[misc]


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveRequest:
    """What is asked of the channels, for one platform."""

    specs: Sequence[str]
    platform: Platform
    virtual: Mapping[str, str]
    """Virtual packages; see ``conda_virtual.virtual_packages``."""
    constraints: Sequence[str] = ()
    """What must hold of a package if it comes in."""
    locked: Sequence[CondaRecord] = ()
    """Taken where nothing speaks against it and a channel still has it."""
    pinned: Sequence[CondaRecord] = ()
    """Taken, or there is no solution."""
    offered: Sequence[CondaRecord] = ()
    """Candidates although no channel lists them: broken ones that somebody asks for by name."""
    only_from: Mapping[str, int] = field(default_factory=dict)
    """Package -> position of the one channel that it may come from."""
    exclude_newer: datetime | None = None
    """By when a package was built; what has no such time is left out."""
    strategy: Strategy = "highest"


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The records of one channel, as a source of the engine."""

    records: Mapping[tuple[str, str], list[RepoDataRecord]] = field(repr=False)

    async def fetch_package_records(
        self, platform: Subdir, name: rattler.PackageName
    ) -> list[RepoDataRecord]:
        """Return what there is of a name."""
        return self.records.get((str(platform), name.normalized), [])

    def package_names(self, platform: Subdir) -> list[str]:
        """Return the names there are."""
        return sorted({name for subdir, name in self.records if subdir == str(platform)})


@dataclass(frozen=True, slots=True)
class CondaSession:
    """Questions to channels whose answers are kept: repodata are read once."""

    channels: CondaChannels
    gateway: Gateway

    @classmethod
    def over(cls, channels: CondaChannels) -> Self:
        """Return a session that has not asked anything yet."""
        return cls(channels, channels.gateway())

    def fetch(self, specs: Iterable[str], platforms: Iterable[Platform]) -> None:
        """Read in one go what solves for several platforms will need; raises as ``query``."""
        subdirs = [*map(str, platforms), _NOARCH]
        _ask(self, [MatchSpec(name_of(parse_spec(one))) for one in specs], subdirs, recursive=True)

    def query(self, names: Iterable[str], platform: Platform) -> list[CondaRecord]:
        """Return every build of some packages, of the first channel first.

        Raises UpstreamUnavailableError for a channel that does not answer or answers nonsense.
        """
        specs = [parse_spec(name) for name in names]
        found = _ask(self, specs, [str(platform), _NOARCH], recursive=False)
        return [from_engine(record) for records in found for record in records]

    def solve(self, request: SolveRequest) -> list[CondaRecord]:
        """Return the packages that meet a request, by name.

        A package comes from the first channel that has one of its name. Raises UnsatisfiableError
        with both sides of the conflict, UpstreamUnavailableError, UsageError for specs that are
        none.
        """
        specs = [parse_spec(one) for one in request.specs]
        constraints = [parse_spec(one) for one in request.constraints]
        pinned = [parse_spec(one.name) for one in request.pinned]
        # By name only: what a spec leaves out is half of the reason when there is no solution.
        wanted = [MatchSpec(name) for name in _names([*specs, *pinned])]
        for record in request.offered:
            wanted += [parse_spec(name_of(parse_spec(one))) for one in record.depends]
        subdirs = [str(request.platform), _NOARCH]
        found = _of_their_channel(_ask(self, wanted, subdirs, recursive=True), request.only_from)
        # By time last: else a package would come from another channel on another day.
        kept, left = _in_time(_of_first_channel(found), request.exclude_newer)
        timely, _ = _in_time(found, request.exclude_newer)
        hints = [*_hints(left), *_elsewhere(self.channels, specs, found, timely)]
        if request.offered and kept:
            kept[0] = [*kept[0], *map(to_engine, request.offered)]
        if absent := _absent(request, specs, kept, left, self.channels):
            raise UnsatisfiableError(absent, hints=hints)
        sources = [_candidates(records) for records in kept]
        try:
            solution = _solved(sources, request, specs, constraints)
        except UnsatisfiableError as error:
            words = _both_sides(sources, request, specs, constraints) or error.message
            raise UnsatisfiableError(words + _known(request, words), hints=hints) from error
        return sorted((from_engine(one) for one in solution), key=lambda one: one.name)


def query(channels: CondaChannels, names: Iterable[str], platform: Platform) -> list[CondaRecord]:
    """Ask one question; see ``CondaSession.query``."""
    return CondaSession.over(channels).query(names, platform)


def solve(channels: CondaChannels, request: SolveRequest) -> list[CondaRecord]:
    """Solve once; see ``CondaSession.solve``."""
    return CondaSession.over(channels).solve(request)


def _solved(
    sources: Sequence[_Candidates],
    request: SolveRequest,
    specs: Sequence[MatchSpec],
    constraints: Sequence[MatchSpec],
) -> list[RepoDataRecord]:
    virtual = conda_virtual.to_engine(request.virtual)
    return call(
        lambda: rattler.solve(
            sources,
            specs,
            platforms=_platforms(request.platform),
            locked_packages=_still_there(sources, request.locked),
            pinned_packages=[to_engine(one) for one in request.pinned],
            virtual_packages=virtual,
            constraints=constraints,
            strategy=request.strategy,
            channel_relations="disabled",
        ),
        f"no set of packages for {request.platform} meets the requirements",
    )


def _still_there(
    sources: Sequence[_Candidates], locked: Iterable[CondaRecord]
) -> list[RepoDataRecord]:
    """Return the records of what was locked; the engine would take what no channel lists."""
    return [
        record
        for one in locked
        for source in sources
        for record in source.records.get((one.subdir, one.name), ())
        if (record.file_name, record.sha256) == (one.file_name, bytes.fromhex(one.sha256))
    ]


def _both_sides(
    sources: Sequence[_Candidates],
    request: SolveRequest,
    specs: Sequence[MatchSpec],
    constraints: Sequence[MatchSpec],
) -> str:
    """Ask once more, for the reason: what a requested spec leaves out, the engine never sees.

    As constraints, the specs are sides of the conflict like others.
    """
    names = [MatchSpec(name) for name in _names(specs)]
    try:
        _solved(sources, request, names, [*specs, *constraints])
    except UnsatisfiableError as error:
        return error.message
    return ""


def _address(text: str) -> str:
    """Return the address of a channel; a name alone would be taken from a public server."""
    if "://" in text:
        return text
    path = Path(text)
    if not path.is_dir():
        raise UsageError(f"{text}: neither the address of a channel nor a directory")
    return path.resolve().as_uri()


def _shown(channels: CondaChannels) -> str:
    return redact(", ".join(channels.addresses))


def _platforms(platform: Platform) -> list[Subdir]:
    return [Subdir(str(platform)), Subdir(_NOARCH)]


def _names(specs: Iterable[MatchSpec]) -> list[str]:
    names = dict.fromkeys(name_of(one) for one in specs)
    return [name for name in names if name and not name.startswith("__")]


def _ask(
    session: CondaSession, specs: Sequence[MatchSpec], subdirs: Sequence[str], *, recursive: bool
) -> list[list[RepoDataRecord]]:
    sources = session.channels.sources()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rattler.exceptions.GatewayWarning)
        found = call(
            lambda: session.gateway.query(
                sources,
                [Subdir(one) for one in subdirs],
                specs,
                recursive=recursive,
                channel_relations="disabled",
            ),
            f"channels {_shown(session.channels)}",
        )
    # One list for each channel and subdir, in that order.
    parts = len(subdirs)
    return [
        [record for records in found[start : start + parts] for record in records]
        for start in range(0, len(found), parts)
    ]


def _of_their_channel(
    found: Sequence[Sequence[RepoDataRecord]], only: Mapping[str, int]
) -> list[list[RepoDataRecord]]:
    """Return the records without those of packages that have to come from another channel."""
    return [
        [one for one in records if only.get(one.name.normalized, position) == position]
        for position, records in enumerate(found)
    ]


def _of_first_channel(found: Sequence[Sequence[RepoDataRecord]]) -> list[list[RepoDataRecord]]:
    """Return of each package what the first channel has that has any.

    The engine would leave out by the requested spec before it looks who is first.
    """
    first: dict[str, int] = {}
    for position, records in enumerate(found):
        for one in records:
            first.setdefault(one.name.normalized, position)
    return [
        [one for one in records if first[one.name.normalized] == position]
        for position, records in enumerate(found)
    ]


def _elsewhere(
    channels: CondaChannels,
    specs: Sequence[MatchSpec],
    found: Sequence[Sequence[RepoDataRecord]],
    timely: Sequence[Sequence[RepoDataRecord]],
) -> list[str]:
    """Return what a later channel has that fits, where the first that has the package has not."""
    hints = []
    for spec in specs:
        name = name_of(spec)
        having = [
            position
            for position, many in enumerate(found)
            if any(one.name.normalized == name for one in many)
        ]
        builds = [[one for one in many if one.name.normalized == name] for many in timely]
        if len(having) < 2 or any(map(spec.matches, builds[having[0]])):
            continue
        for later in having[1:]:
            if fitting := [one for one in builds[later] if spec.matches(one)]:
                hints.append(
                    f"{channels.label(later)} has {name} {max(one.version for one in fitting)}, but"
                    f" {channels.label(having[0])} comes first and has {name} too: order the"
                    f' channels otherwise, or give {name} its channel = "{channels.label(later)}"'
                )
                break
    return hints


def _in_time(
    found: Sequence[Sequence[RepoDataRecord]], limit: datetime | None
) -> tuple[list[list[RepoDataRecord]], dict[str, int]]:
    """Return what was built by then, and by name how many builds were not.

    The engine would look at when a package was indexed, which a mirror did today.
    """
    if limit is None:
        return [list(records) for records in found], {}
    moment = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
    kept: list[list[RepoDataRecord]] = []
    left: dict[str, int] = defaultdict(int)
    for records in found:
        kept.append([])
        for record in records:
            if record.timestamp is not None and record.timestamp <= moment:
                kept[-1].append(record)
            else:
                left[record.name.normalized] += 1
    return kept, left


def _candidates(records: Iterable[RepoDataRecord]) -> _Candidates:
    found: dict[tuple[str, str], list[RepoDataRecord]] = defaultdict(list)
    for record in records:
        found[record.subdir, record.name.normalized].append(record)
    return _Candidates(found)


def _absent(
    request: SolveRequest,
    specs: Sequence[MatchSpec],
    kept: Sequence[Sequence[RepoDataRecord]],
    left: Mapping[str, int],
    channels: CondaChannels,
) -> str:
    """Return what no channel has at all, which a solver says badly; empty where there is all."""
    there = {record.name.normalized for records in kept for record in records}
    lines = [
        f"{name}: all {left[name]} builds are newer than {request.exclude_newer:%Y-%m-%d}"
        if left.get(name)
        else f"{name}: no channel has it for {request.platform} (asked: {_shown(channels)})"
        for name in _names(specs)
        if name not in there
    ]
    return "\n".join(lines)


def _known(request: SolveRequest, message: str) -> str:
    """Return the other side of a conflict with what the platform has."""
    mentioned = [name for name in request.virtual if name in message]
    lines = [f"{request.platform} is taken to have {n} {request.virtual[n]}" for n in mentioned]
    return "".join(f"\n{line}" for line in lines)


def _hints(left: Mapping[str, int]) -> list[str]:
    names = ", ".join(sorted(left)[:5])
    return [f"a later exclude-newer: it leaves out builds of {names}"] if left else []
