"""Lock a stack: resolve it for every target at once, choose the files, write down the result."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import (
    BuildFailedError,
    IntegrityError,
    LaminaError,
    MissingInterpreterError,
    NotSupportedError,
    UnsatisfiableError,
)
from lamina.core.http import HttpClient
from lamina.engines.index_addresses import IndexAddresses, cache_directory
from lamina.engines.interpreters import MachineInterpreters
from lamina.engines.uv_lock import UvLock, UvProject, comparable, resolve_project
from lamina.engines.uv_program import UvProgram
from lamina.lock.summary import counted
from lamina.model.names import OF_NO_INDEX, parse_package_name
from lamina.resolve.assembly import Missing, assemble_lock, choose_files
from lamina.resolve.closure import check_closure, missing_packages, refuse_missing
from lamina.resolve.conda_closure import missing_conda
from lamina.resolve.demands import (
    index_of,
    stack_demands,
    stack_targets,
    target_marker,
)
from lamina.resolve.explain import explain, read_failure
from lamina.resolve.graph import reach_all
from lamina.resolve.heritage import Heritage
from lamina.resolve.origins import OriginRequest, find_origins
from lamina.resolve.project import index_addresses, plan_project, prefer, widen
from lamina.resolve.wheels import is_usable, no_wheel, offered_versions
from lamina.stack.files import digest_of_resolution

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from packaging.version import Version

    from lamina.engines.index_pages import Offer
    from lamina.lock.conda import LockedConda
    from lamina.lock.document import Lock
    from lamina.model.names import IndexName, PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.graph import Reached
    from lamina.resolve.ground import CondaSide, Ground
    from lamina.resolve.origins import Origins
    from lamina.stack.document import Stack

_ROUNDS = 6
"""How often a resolution is asked for again with more said."""


def lock_stack(
    stack: Stack,
    *,
    environ: Mapping[str, str],
    heritage: Heritage | None = None,
    directory: Path,
    previous: Lock | None = None,
    upgrade: bool = False,
    upgrade_packages: Collection[PackageName] = (),
) -> Lock:
    """Resolve a stack.

    With ``exclude-newer`` in the stack the result depends on the stack alone. Without it the
    versions of ``previous`` are kept where nothing speaks against them, but for those to upgrade.
    ``heritage`` is the stack with its parents, for one that extends others. ``directory`` is that
    of lamina.toml, where paths of channels begin. What comes from channels is solved first, and uv
    takes what it has of the index as it is.

    Raises UnsatisfiableError, UpstreamUnavailableError, IntegrityError (a package would come from
    an index that is not its own), BuildFailedError (the sources of a package do not say what it
    needs), DocumentError (a place that does not have the package that lamina.toml says),
    NotSupportedError (parents with conda packages).
    """
    digest = digest_of_resolution(stack)
    heritage = heritage or Heritage(stack=stack)
    _refuse_conda_parents(heritage)
    stack = heritage.stack
    addresses = index_addresses(stack, environ)
    project = plan_project(stack, environ)
    kept = None if upgrade or stack.resolve.exclude_newer is not None else previous
    if kept is not None:
        project = prefer(project, kept, addresses, upgrade_packages)
    moved = None if upgrade else upgrade_packages
    with find_origins(OriginRequest(stack, directory, previous, moved, environ)) as origins:
        session = _Session(
            stack=stack,
            environ=environ,
            addresses=addresses,
            log=_new_log(stack, environ),
            origins=origins,
            side=_conda_side(stack, directory, environ, kept, upgrade_packages),
        )
        with report.step(f"resolve {stack.stack.name}") as step:
            lock, found = session.resolve(origins.given(project))
            targets = report.counted(len(lock.targets), "target")
            step.outcome = f"{counted(lock)} for {targets}"
    _say_left_out(found)
    session.remember(found, lock)
    return lock.model_copy(update={"stack_digest": digest, "parents": heritage.locked(lock)})


def _say_left_out(found: UvLock) -> None:
    for name, extra in found.extras_not_held:
        report.warn(
            f"{name} comes from a conda channel, without what {name}[{extra}] needs: list that "
            "itself, where you need it"
        )


def _refuse_conda_parents(heritage: Heritage) -> None:
    for one in heritage.parents:
        if one.lock.conda:
            raise NotSupportedError(
                f"{one.name} has conda packages, and this version of lamina cannot extend such a "
                "stack",
                hints=[f"list what you need of {one.name} under [conda], and do not extend it"],
            )


def _conda_side(
    stack: Stack,
    directory: Path,
    environ: Mapping[str, str],
    kept: Lock | None,
    upgraded: Collection[PackageName],
) -> CondaSide | None:
    if not stack.conda:
        return None
    # Its engine takes long to load, and most stacks have no use for it.
    from lamina.resolve.ground import conda_side

    return conda_side(stack, directory=directory, environ=environ, previous=kept, upgraded=upgraded)


def _new_log(stack: Stack, environ: Mapping[str, str]) -> Path:
    path = cache_directory(environ) / "logs" / f"lock-{stack.stack.name}.log"
    fs.make_directory(path.parent)
    fs.remove_file(path)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """What stays the same while a resolution is asked for again."""

    stack: Stack
    environ: Mapping[str, str]
    addresses: Mapping[IndexName, str]
    log: Path
    origins: Origins
    side: CondaSide | None = None

    def resolve(self, project: UvProject) -> tuple[Lock, UvLock]:
        """Resolve until every package has its index and its files."""
        blamed: list[Missing] = []
        ground = self.side.ground() if self.side else None
        for _ in range(_ROUNDS):
            found, ground = self._settle(project, ground, blamed)
            if strays := self._strays(found):
                project = self._bring_home(project, strays)
                continue
            found, reached, conda = self._reached(found, ground)
            if self.stack.resolve.closed:
                of_channels = missing_conda(self.stack, conda, reached)
                refuse_missing([*missing_packages(self.stack, reached), *of_channels])
            files, missing = choose_files(self.stack, found, reached)
            if not missing:
                lock = self.origins.in_lock(assemble_lock(self.stack, found, reached, files))
                return lock.model_copy(update={"conda": conda}), found
            blamed = missing
            project = self._without_unusable(project, missing)
        raise self._no_wheel(blamed[0]) if blamed else self._unstable()

    def _settle(
        self, project: UvProject, ground: Ground | None, blamed: list[Missing]
    ) -> tuple[UvLock, Ground | None]:
        """Ask uv, and the channels for something else as long as that is why uv fails."""
        for _ in range(_ROUNDS * len(stack_targets(self.stack))):
            try:
                return self._ask(project, ground), ground
            except UnsatisfiableError as error:
                other = self._other_ground(ground, error)
                if other is None and blamed:
                    raise self._no_wheel(blamed[0]) from error
                if other is None:
                    raise self._explained(error, ground) from error
                ground = other
        raise self._unstable()

    def _unstable(self) -> LaminaError:
        return LaminaError(
            f"no stable resolution after {_ROUNDS} rounds", hints=[f"see {self.log}"]
        )

    def _ask(self, project: UvProject, ground: Ground | None) -> UvLock:
        if ground is not None:
            from lamina.resolve.joint import hold

            project = hold(project, ground)
        uv = UvProgram(
            environ=self.environ,
            log=self.log,
            default_index=project.default_index,
            interpreter=self.origins.variables(),
        )
        try:
            found = resolve_project(project, uv, python=self._python(project))
        except BuildFailedError as error:
            raise self.origins.explained(error) from error
        return self.origins.with_files(found, self.stack)

    def _other_ground(self, ground: Ground | None, error: UnsatisfiableError) -> Ground | None:
        """Return another ground that makes what uv failed by possible, where that is so."""
        if self.side is None or ground is None:
            return None
        from lamina.resolve.joint import give_way

        return give_way(self.side, ground, read_failure(self.stack, error))

    def _reached(
        self, found: UvLock, ground: Ground | None
    ) -> tuple[UvLock, Mapping[Target, Reached], tuple[LockedConda, ...]]:
        """Return what comes from indexes, what each target gets of it, and what is of channels."""
        held = ground.held_everywhere() if ground is not None else None
        demands, targets = stack_demands(self.stack), stack_targets(self.stack)
        reached = reach_all(found, demands, targets, held)
        if ground is None:
            return found, reached, ()
        from lamina.resolve.joint import lock_conda, stand_on

        askers = stand_on(ground, reached)
        indexed = tuple(one for one in found.packages if one.registry or one.given)
        return replace(found, packages=indexed), reached, lock_conda(self.stack, ground, askers)

    def _python(self, project: UvProject) -> str:
        """Return the interpreter for build back ends: of the oldest series where there is one."""
        if project.only_binary and not project.source:
            return sys.executable
        series = min(self.stack.stack.python)
        try:
            return str(MachineInterpreters(environ=self.environ).find(series))
        except MissingInterpreterError:
            report.warn(
                f"no Python {series} on this machine: what sources need is asked of "
                f"{sys.version_info.major}.{sys.version_info.minor}"
            )
            return sys.executable

    def _explained(self, error: UnsatisfiableError, ground: Ground | None) -> LaminaError:
        failure = read_failure(self.stack, error)
        if self.stack.resolve.closed:
            held = ground.versions() if ground is not None else None
            refuse_missing(check_closure(self.stack, self.environ, held=held).findings)
        for name in map(parse_package_name, failure.absent):
            # uv takes an index that refuses to answer for one without the package.
            self._offered(name)
        if failure.target is not None and not failure.absent:
            for name in map(parse_package_name, failure.without_wheels):
                versions = self._offered(name)
                asked = [one for one in stack_demands(self.stack) if one.name == name]
                fitting = [
                    files
                    for version, files in versions.items()
                    if all(one.specifier.contains(version, prereleases=True) for one in asked)
                ]
                if not any(is_usable(self.stack, name, one, failure.target) for one in fitting):
                    return no_wheel(self.stack, name, failure.target, versions)
        return explain(self.stack, failure, self.log)

    def _strays(self, found: UvLock) -> list[tuple[PackageName, str]]:
        """Return the packages that were taken from an index that is not their own."""
        return [
            (one.name, one.registry)
            for one in found.packages
            if one.registry and one.registry != self._own_address(one.name)
        ]

    def _own_address(self, name: PackageName) -> str:
        """Return the address of the index that a package belongs to; empty for one of none."""
        return comparable(self.addresses.get(index_of(self.stack, name), ""))

    def _bring_home(
        self, project: UvProject, strays: Iterable[tuple[PackageName, str]]
    ) -> UvProject:
        for name, registry in strays:
            known = name in project.package_indexes or name in project.given
            if name in project.requirements or not known:
                raise IntegrityError(
                    f"{name} belongs to the index {index_of(self.stack, name)!r} and would be "
                    f"taken from {registry}; it is only ever taken from its own",
                    hints=[f"the resolver's whole output is in {self.log}"],
                )
        return widen(project, {name for name, _ in strays})

    def _without_unusable(self, project: UvProject, missing: Iterable[Missing]) -> UvProject:
        """Exclude, for the targets that cannot use them, the versions without a usable file."""
        more: list[str] = []
        for one in missing:
            name = one.package.name
            versions = self._offered(name)
            bad = [
                f"!={version}"
                for version, files in versions.items()
                if not is_usable(self.stack, name, files, one.target)
            ]
            bad = bad or [f"!={one.package.version}"]
            more.append(f"{name}{','.join(bad)} ; {target_marker(one.target)}")
        return replace(project, constraints=(*project.constraints, *sorted(more)))

    def _no_wheel(self, one: Missing) -> UnsatisfiableError:
        versions = self._offered(one.package.name)
        return no_wheel(self.stack, one.package.name, one.target, versions)

    def _offered(self, name: PackageName) -> dict[Version, list[Offer]]:
        with HttpClient(self.environ) as client:
            return offered_versions(self.stack, self.environ, name, client)

    def remember(self, found: UvLock, lock: Lock) -> None:
        """Keep the addresses that uv has seen, for those who install from the lock."""
        wanted = {(one.index, file.sha256) for one in lock.packages for file in one.artifacts}
        locator = IndexAddresses(self.environ, self.addresses, cache_directory(self.environ))
        for index in sorted({index for index, _ in wanted} - OF_NO_INDEX):
            locator.remember(
                index,
                {
                    file.sha256: file.address
                    for package in found.packages
                    if index_of(self.stack, package.name) == index
                    for file in (*package.wheels, *([package.sdist] if package.sdist else ()))
                    if (index, file.sha256) in wanted
                },
            )
