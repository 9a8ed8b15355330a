"""What is wrong with a set of packages at their versions: all of it, with who asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from packaging.version import Version

from lamina.core.errors import UsageError
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.names import parse_package_name
from lamina.model.platforms import Target, current_platform
from lamina.resolve.conda_closure import missing_conda
from lamina.resolve.conflicts import Need
from lamina.resolve.demands import demands_on, stack_demands, stack_targets
from lamina.resolve.findings import ClosureReport, Finding, FindingKind
from lamina.resolve.inherited import Inherited
from lamina.resolve.members import Member, installed_members, locked_members
from lamina.resolve.project import waived
from lamina.resolve.selection import fit_the_platform, install_there, system_floor
from lamina.resolve.waivers import PYTHON, report_of
from lamina.resolve.wheels import allows_python
from lamina.stack.installed import SEEDS, series_of, site_packages_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.requirements import Requirement

    from lamina.lock.document import Lock
    from lamina.model.names import PackageName
    from lamina.resolve.demands import Demand
    from lamina.resolve.members import Members
    from lamina.stack.document import Stack


def check_locked(stack: Stack, lock: Lock, environ: Mapping[str, str]) -> ClosureReport:
    """Check what a lock holds for each target against the metadata of its files.

    Nothing is installed, and the index is only asked for what was never read before. Raises
    LaminaError, IntegrityError, UpstreamUnavailableError as ``locked_members`` does.
    """
    targets = stack_targets(stack)
    members = locked_members(stack, lock, targets, environ)
    checks = [_Check(stack=stack, target=one, members=members[one]) for one in targets]
    report = _report(stack, checks)
    if not stack.resolve.closed:
        return report
    of_channels = missing_conda(stack, lock.conda, targets)
    return replace(report, findings=(*of_channels, *report.findings))


def check_installed(stack: Stack, prefix: Path, locks: Iterable[Lock]) -> ClosureReport:
    """Check what is installed in a prefix of this machine; only its files are read.

    ``locks`` give the names of the files that were installed, where they have the same version.
    Raises UsageError when nothing is installed there, or its Python is none of the stack's.
    """
    places = site_packages_of(prefix)
    if not places:
        raise UsageError(f"{prefix}: no packages are installed there")
    target = _target_of(stack, prefix, places)
    files: dict[tuple[PackageName, Version], str] = {}
    for lock in locks:
        for name, one in _file_names(lock, target):
            files.setdefault(name, one)
    members, passed_over = installed_members(places, files)
    listed = {one.name for one in stack_demands(stack)}
    members = {name: one for name, one in members.items() if name in listed or name not in SEEDS}
    check = _Check(stack=stack, target=target, members=members)
    return replace(_report(stack, [check]), passed_over=tuple(passed_over))


def locks_of(prefix: Path, fresh: Lock | None) -> list[Lock]:
    """Return the lock that a release was made from, if it is one, and that of the stack."""
    inside = prefix / ".lamina" / LOCK_NAME
    own = [load_lock(inside)] if inside.is_file() else []
    return own + ([fresh] if fresh is not None else [])


def _target_of(stack: Stack, prefix: Path, places: Iterable[Path]) -> Target:
    series = next(filter(None, map(series_of, places)), None)
    targets = [one for one in stack_targets(stack) if one.platform == current_platform()]
    fitting = [one for one in targets if series in {one.python, None}]
    if not fitting:
        here = f"Python {series}" if series else "its Python"
        known = ", ".join(map(str, stack_targets(stack)))
        raise UsageError(f"{prefix}: {here} on this machine is none of the stack's: {known}")
    return fitting[0]


def _file_names(lock: Lock, target: Target) -> Iterator[tuple[tuple[PackageName, Version], str]]:
    for one in lock.artifacts_for(target) if target in lock.targets else ():
        yield (one.package, Version(one.version)), one.filename


def _report(stack: Stack, checks: list[_Check]) -> ClosureReport:
    return report_of(
        stack,
        [(one.target, finding) for one in checks for finding in one.run()],
        [one.target for one in checks],
        used={pair for one in checks for pair in one.waivers},
        unchecked={file for one in checks for file in one.unchecked},
    )


@dataclass(slots=True, kw_only=True)
class _Check:
    """The check of one set for one target."""

    stack: Stack
    target: Target
    members: Members
    demands: list[Demand] = field(default_factory=list)
    needs: dict[PackageName, list[Need]] = field(default_factory=dict)
    waivers: set[tuple[PackageName, PackageName]] = field(default_factory=set)
    unchecked: set[str] = field(default_factory=set)

    def run(self) -> list[Finding]:
        self.demands = [one for one in stack_demands(self.stack) if one.holds_for(self.target)]
        self._follow()
        listed = {one.name for one in self.demands}
        found: list[Finding] = []
        for name in sorted({*listed, *self.needs, *self.members}):
            found += self._missing(name, listed=name in listed)
            if name in self.members:
                found += self._outside(self.members[name])
                found += self._foreign(self.members[name])
        return found

    def _follow(self) -> None:
        """Note who needs what, with the extras that are asked for anywhere."""
        extras: dict[PackageName, set[str]] = {name: set() for name in self.members}
        for demand in self.demands:
            extras.setdefault(demand.name, set()).update(demand.extras)
        waivers = waived(self.stack)
        waiting = list(self.members)
        while waiting:
            name = waiting.pop()
            member = self.members[name]
            if not member.metadata.is_final:
                self.unchecked.add(member.file or str(member))
            for one in member.metadata.requirements:
                if not self._counts(one, extras[name]):
                    continue
                needed = parse_package_name(one.name)
                if needed in waivers.get(name, ()):
                    self.waivers.add((name, needed))
                    continue
                self._note(
                    needed, Need(by=name, version=str(member.version), specifier=one.specifier)
                )
                more = {parse_package_name(extra) for extra in one.extras}
                if needed in self.members and not more <= extras[needed]:
                    extras[needed] |= more
                    waiting.append(needed)

    def _counts(self, requirement: Requirement, extras: Iterable[str]) -> bool:
        """Tell whether a requirement counts here, for always or for one of the extras."""
        if requirement.marker is None:
            return True
        environment = self.target.marker_environment()
        return any(
            requirement.marker.evaluate(environment | {"extra": one}) for one in ("", *extras)
        )

    def _note(self, needed: PackageName, need: Need) -> None:
        if need not in (noted := self.needs.setdefault(needed, [])):
            noted.append(need)

    def _missing(self, name: PackageName, *, listed: bool) -> Iterator[Finding]:
        """Yield that a package is needed and not there, or there and not listed."""
        here = name in self.members
        of_conda = here and self.members[name].of_conda
        if here and (listed or of_conda or not self.stack.resolve.closed):
            return
        needs = sorted(self.needs.get(name, ()), key=str)
        who = [f"{one} needs it ({name}{one.specifier})" for one in needs]
        if not here:
            who = [f"{one.where} lists it" for one in demands_on(self.demands, name)] + who
        what = "is not there" if listed or not self.stack.resolve.closed else "is not listed"
        yield Finding(
            kind=FindingKind.MISSING,
            package=name,
            message=f"{name} {what}: {', '.join(who) or f'there is {self.members[name]}'}",
            needed_by=tuple(map(str, needs)),
        )

    def _outside(self, member: Member) -> Iterator[Finding]:
        """Yield who does not accept the version that is there."""
        for need in sorted(self.needs.get(member.name, ()), key=str):
            if not need.specifier.contains(member.version, prereleases=True):
                yield Finding(
                    kind=FindingKind.OUTSIDE,
                    package=member.name,
                    message=f"{need} needs {member.name}{need.specifier}; there is {member}",
                    needed_by=(str(need),),
                )
        for one in demands_on(self.demands, member.name):
            if not one.specifier.contains(member.version, prereleases=True):
                yield Finding(
                    kind=FindingKind.OUTSIDE,
                    package=member.name,
                    message=f"the stack lists {one.where}; there is {member}",
                )

    def _foreign(self, member: Member) -> Iterator[Finding]:
        """Yield that a package is for another platform or another Python."""
        kind: FindingKind | None = None
        said = ""
        floor = system_floor(self.stack)
        # What a parent has installed on its own terms is not judged by the floor of this stack.
        own = not isinstance(self.stack.packages.get(member.name), Inherited)
        if own and member.tags and not install_there(member.tags, self.target, floor):
            fits = fit_the_platform(member.tags, self.target, floor)
            kind = FindingKind.PYTHON if fits else FindingKind.PLATFORM
            said = member.file or ", ".join(sorted(member.tags))
        elif not allows_python(member.metadata.requires_python, self.target.python):
            if PYTHON in waived(self.stack).get(member.name, ()):
                self.waivers.add((member.name, PYTHON))
                return
            kind, said = FindingKind.PYTHON, f"it requires {member.metadata.requires_python}"
        if kind is not None:
            yield Finding(
                kind=kind,
                package=member.name,
                message=f"{member} is for another {kind}: {said}",
                needed_by=tuple(sorted(map(str, self.needs.get(member.name, ())))),
            )
