"""A closed stack: every missing dependency and every version conflict, not only the first."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core.http import HttpClient
from lamina.engines.index_addresses import cache_directory
from lamina.lock.document import is_stack
from lamina.model.names import parse_package_name
from lamina.resolve.conda_closure import likely_held
from lamina.resolve.conflicts import Need, conflicts_on
from lamina.resolve.demands import Demand, demands_on, stack_demands, stack_targets
from lamina.resolve.findings import (
    ClosureReport,
    Finding,
    FindingKind,
    closure_error,
    merge_findings,
)
from lamina.resolve.metadata import FileMetadata, MetadataReader
from lamina.resolve.project import waived
from lamina.resolve.selection import choose_wheel, system_floor
from lamina.resolve.waivers import PYTHON, report_of
from lamina.resolve.wheels import allows_python, files_for, is_usable, offered_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    from lamina.engines.index_pages import Offer
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.graph import Reached
    from lamina.stack.document import Stack


def missing_packages(stack: Stack, reached: Mapping[Target, Reached]) -> tuple[Finding, ...]:
    """Return the packages of a resolution that the stack does not list for their target."""
    demands = stack_demands(stack)
    found: list[tuple[Target, Finding]] = []
    for target, one in reached.items():
        listed = {demand.name for demand in demands if demand.holds_for(target)}
        chains = _chains(one)
        found += [
            (target, _missing(name, chains[name]))
            for name in sorted({name for name, _ in one.packages} - listed)
        ]
    return merge_findings(found, reached)


def refuse_missing(findings: Iterable[Finding]) -> None:
    """Raise UnsatisfiableError when there are findings."""
    if found := list(findings):
        raise closure_error(found)


def _missing(name: PackageName, chain: Iterable[str]) -> Finding:
    path = list(chain)
    who = " -> ".join([*path, name]) if len(path) > 1 else f"{path[0]} needs it"
    return Finding(kind=FindingKind.MISSING, package=name, message=f"{name} is not listed: {who}")


def _chains(reached: Reached) -> dict[PackageName, list[str]]:
    """Return the shortest chain of packages that leads to each package."""
    chains: dict[PackageName, list[str]] = {}
    waiting = deque(
        key for key, who in sorted(reached.requested_by.items()) if any(map(is_stack, who))
    )
    for name, _ in waiting:
        chains[name] = []
    while waiting:
        name, version = waiting.popleft()
        for edge in sorted(reached.edges.get((name, version), ()), key=lambda one: one.to):
            if edge.to[0] not in chains:
                chains[edge.to[0]] = [*chains[name], name]
                waiting.append(edge.to)
    return chains


def check_closure(
    stack: Stack,
    environ: Mapping[str, str],
    held: Mapping[Target, Mapping[PackageName, Version | None]] | None = None,
) -> ClosureReport:
    """Check every listed package against the metadata of the files that the index offers.

    Of each package that is the newest version that the stack allows. Nothing is resolved, so that
    one conflict does not hide another; what a lock holds is checked by ``check_locked``. ``held``
    is what each target has from channels; without it, what the names under [conda] may have.

    Raises UpstreamUnavailableError, IntegrityError.
    """
    with HttpClient(environ) as client, ThreadPoolExecutor(16) as pool:
        facts = _Facts(
            stack=stack,
            environ=environ,
            client=client,
            reader=MetadataReader(client, cache_directory(environ)),
            pool=pool,
            held=held or {one: likely_held(stack, one) for one in stack_targets(stack)},
        )
        walks = [_Walk(facts=facts, target=target) for target in stack_targets(stack)]
        found = [(one.target, finding) for one in walks for finding in one.run()]
    return report_of(
        stack,
        found,
        [one.target for one in walks],
        used={pair for one in walks for pair in one.waivers},
        unchecked={file for one in walks for file in one.unchecked},
    )


@dataclass(slots=True, kw_only=True)
class _Facts:
    """What the index says, asked once."""

    stack: Stack
    environ: Mapping[str, str]
    client: HttpClient
    reader: MetadataReader
    pool: ThreadPoolExecutor
    held: Mapping[Target, Mapping[PackageName, Version | None]]
    versions: dict[PackageName, dict[Version, list[Offer]]] = field(default_factory=dict)
    metadata: dict[Offer, FileMetadata] = field(default_factory=dict)

    def load_versions(self, names: Iterable[PackageName]) -> None:
        new = sorted(set(names) - set(self.versions))
        pages = self.pool.map(
            lambda one: offered_versions(self.stack, self.environ, one, self.client), new
        )
        self.versions.update(zip(new, pages, strict=True))

    def load_metadata(self, offers: Iterable[Offer]) -> None:
        new = list({one for one in offers if one not in self.metadata})
        self.metadata.update(zip(new, self.pool.map(self.reader.read, new), strict=True))


@dataclass(slots=True, kw_only=True)
class _Pick:
    """The version of a package that is looked at, and the extras of it that are wanted."""

    version: Version
    file: Offer
    chain: tuple[str, ...]
    extras: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Follows requirements for one target, breadth first."""

    facts: _Facts
    target: Target
    picks: dict[PackageName, _Pick] = field(default_factory=dict)
    needs: dict[PackageName, list[Need]] = field(default_factory=dict)
    waivers: set[tuple[PackageName, PackageName]] = field(default_factory=set)
    unchecked: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    chains: dict[PackageName, tuple[str, ...]] = field(default_factory=dict)
    """What leads to a package that is not listed."""

    @property
    def held(self) -> Mapping[PackageName, Version | None]:
        """What the target has from channels."""
        return self.facts.held.get(self.target, {})

    def run(self) -> list[Finding]:
        demands = [one for one in stack_demands(self.facts.stack) if one.holds_for(self.target)]
        demands = [one for one in demands if one.name not in self.held]
        listed = {one.name for one in demands}
        wanted: dict[PackageName, tuple[set[str], tuple[str, ...]]] = {}
        for one in demands:
            wanted.setdefault(one.name, (set(), ()))[0].update(one.extras)
        while wanted:
            self.facts.load_versions(wanted)
            changed = [
                name
                for name, (extras, chain) in wanted.items()
                if self._pick(name, extras, chain, demands)
            ]
            self.facts.load_metadata(self.picks[name].file for name in changed)
            wanted = {}
            for name in changed:
                self._follow(name, listed, wanted)
        for name in sorted(self.needs):
            if name in self.chains:
                self._find_missing(name)
            self._judge(name, demands)
        return self.findings

    def _pick(
        self,
        name: PackageName,
        extras: set[str],
        chain: tuple[str, ...],
        demands: Iterable[Demand],
    ) -> bool:
        """Choose a version unless that was done; tell whether there is something to follow."""
        if name in self.picks:
            have = self.picks[name].extras
            if extras <= have:
                return False
            have.update(extras)
            return True
        versions = self.facts.versions[name]
        bounds = [one.specifier for one in demands_on(demands, name)]
        bounds += [] if bounds else [one.specifier for one in self.needs.get(name, ())]
        allowed = [one for one in versions if _allows(bounds, one, versions)]
        usable = [
            one for one in allowed if is_usable(self.facts.stack, name, versions[one], self.target)
        ]
        if not usable:
            self._find_unusable(name, [one.where for one in demands_on(demands, name)], allowed)
        # What cannot be used here still says what it needs.
        for version in (usable or allowed)[:1]:
            file = self._file(name, versions[version])
            self.picks[name] = _Pick(version=version, file=file, chain=chain, extras=set(extras))
            return True
        return False

    def _find_unusable(self, name: PackageName, lines: list[str], allowed: list[Version]) -> None:
        """Note that a listed package has nothing for this target, and why."""
        if not lines:
            return
        kind, why = FindingKind.UNAVAILABLE, ""
        if allowed:
            files = self.facts.versions[name][allowed[0]]
            if files_for(files, self.target):
                kind, why = FindingKind.PLATFORM, f": no file of {allowed[0]} is for this platform"
            else:
                kind, why = FindingKind.PYTHON, f": {allowed[0]} is for {files[0].requires_python}"
        self._find(
            kind, name, f"the index has no usable version of {name} for {'; '.join(lines)}{why}"
        )

    def _file(self, name: PackageName, files: list[Offer]) -> Offer:
        by_name = {one.filename: one for one in files_for(files, self.target)}
        wheels = [one for one in by_name if one.endswith(".whl")]
        wheel = choose_wheel(wheels, self.target, system_floor(self.facts.stack))
        if wheel and not self.facts.stack.is_source(name):
            return by_name[wheel]
        sources = [one for file, one in by_name.items() if not file.endswith(".whl")]
        return (sources or files)[0]

    def _follow(
        self,
        name: PackageName,
        listed: set[PackageName],
        wanted: dict[PackageName, tuple[set[str], tuple[str, ...]]],
    ) -> None:
        """Note what a package needs, and queue it."""
        pick = self.picks[name]
        metadata = self.facts.metadata[pick.file]
        if not metadata.is_final:
            self.unchecked.add(pick.file.filename)
        waivers = waived(self.facts.stack).get(name, ())
        self._judge_python(name, pick, metadata.requires_python)
        for requirement in metadata.requirements:
            extra = self._extra_that_asks(requirement.marker, pick.extras)
            if extra is None:
                continue
            needed = parse_package_name(requirement.name)
            if needed in waivers:
                self.waivers.add((name, needed))
                continue
            need = Need(by=name, version=str(pick.version), specifier=requirement.specifier)
            if needed in self.held:
                self._judge_held(needed, need)
                continue
            if need not in self.needs.setdefault(needed, []):
                self.needs[needed].append(need)
            chain = (*pick.chain, f"{name} {pick.version}")
            if needed not in listed:
                self.chains.setdefault(needed, chain)
            entry = wanted.setdefault(needed, (set(), chain))
            entry[0].update(parse_package_name(one) for one in requirement.extras)

    def _extra_that_asks(self, marker: object, extras: set[str]) -> str | None:
        """Return the extra for which a requirement counts, '' for always, None for never."""
        if marker is None:
            return ""
        environment = self.target.marker_environment()
        for extra in ("", *sorted(extras)):
            if marker.evaluate({**environment, "extra": extra}):  # type: ignore[attr-defined]
                return extra
        return None

    def _find_missing(self, name: PackageName) -> None:
        """Note a package that is not listed, with the way to it and everybody who needs it."""
        chain = self.chains[name]
        needs = {str(one): one.specifier for one in self.needs[name]}
        first = f"{_missing(name, chain).message} ({name}{needs[chain[-1]]})"
        rest = [f"{who} needs it ({name}{needs[who]})" for who in needs if who != chain[-1]]
        self._find(FindingKind.MISSING, name, ", ".join([first, *rest]), needs)

    def _judge_python(self, name: PackageName, pick: _Pick, requires_python: str) -> None:
        if allows_python(requires_python, self.target.python):
            return
        if PYTHON in waived(self.facts.stack).get(name, ()):
            self.waivers.add((name, PYTHON))
            return
        said = f"{name} {pick.version} is for another python: it requires {requires_python}"
        if not any(one.kind is FindingKind.PYTHON and one.package == name for one in self.findings):
            self._find(FindingKind.PYTHON, name, said)

    def _judge(self, name: PackageName, demands: Iterable[Demand]) -> None:
        offered = self.facts.versions.get(name, {})
        usable = [
            version
            for version, files in offered.items()
            if is_usable(self.facts.stack, name, files, self.target)
        ]
        versions = usable or list(offered)
        asked = demands_on(demands, name)
        for kind, message, needs in conflicts_on(name, self.needs[name], asked, versions):
            self._find(kind, name, message, map(str, needs))

    def _judge_held(self, name: PackageName, need: Need) -> None:
        version = self.held[name]
        if version is not None and not need.specifier.contains(version, prereleases=True):
            self._find(
                FindingKind.OUTSIDE,
                name,
                f"{need} needs {name}{need.specifier}; from its conda channel comes {version}",
                [str(need)],
            )

    def _find(
        self, kind: FindingKind, name: PackageName, message: str, needed_by: Iterable[str] = ()
    ) -> None:
        who = tuple(sorted(needed_by))
        self.findings.append(Finding(kind=kind, package=name, message=message, needed_by=who))


def _allows(bounds: Iterable[SpecifierSet], version: Version, versions: Iterable[Version]) -> bool:
    """Tell whether all bounds allow a version; pre-releases where there is nothing else."""
    only_prereleases = all(one.is_prerelease for one in versions)
    asked = list(bounds)
    explicit = only_prereleases or any(one.prereleases for one in asked)
    return all(one.contains(version, prereleases=explicit) for one in asked) and (
        explicit or not version.is_prerelease
    )
