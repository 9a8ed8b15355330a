"""Lock a stack: resolve it for every target at once, choose the files, write down the result."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import (
    IntegrityError,
    LaminaError,
    MissingInterpreterError,
    UnsatisfiableError,
)
from lamina.core.http import HttpClient
from lamina.engines.index_addresses import IndexAddresses, cache_directory
from lamina.engines.interpreters import MachineInterpreters
from lamina.engines.uv_lock import UvLock, UvProject, comparable, resolve_project
from lamina.engines.uv_program import UvProgram
from lamina.model.names import parse_package_name
from lamina.resolve.assembly import Missing, assemble_lock, choose_files
from lamina.resolve.closure import check_closure, missing_packages, refuse_missing
from lamina.resolve.demands import (
    index_of,
    stack_demands,
    stack_targets,
    target_marker,
)
from lamina.resolve.explain import explain, read_failure
from lamina.resolve.graph import reach_all
from lamina.resolve.heritage import Heritage
from lamina.resolve.project import index_addresses, plan_project, prefer, widen
from lamina.resolve.wheels import is_usable, no_wheel, offered_versions
from lamina.stack.files import digest_of_resolution
from lamina.stack.support import refuse_what_cannot_be_resolved

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from packaging.version import Version

    from lamina.engines.index_pages import Offer
    from lamina.lock.document import Lock
    from lamina.model.names import IndexName, PackageName
    from lamina.stack.document import Stack

_ROUNDS = 6
"""How often a resolution is asked for again with more said."""


def lock_stack(
    stack: Stack,
    *,
    environ: Mapping[str, str],
    heritage: Heritage | None = None,
    previous: Lock | None = None,
    upgrade: bool = False,
    upgrade_packages: Collection[PackageName] = (),
) -> Lock:
    """Resolve a stack.

    With ``exclude-newer`` in the stack the result depends on the stack alone. Without it the
    versions of ``previous`` are kept where nothing speaks against them, but for those to upgrade.
    ``heritage`` is the stack with its parents, for one that extends others.

    Raises UnsatisfiableError, UpstreamUnavailableError, IntegrityError (a package would come from
    an index that is not its own), BuildFailedError (the sources of a package do not say what it
    needs), NotSupportedError (conda).
    """
    refuse_what_cannot_be_resolved(stack)
    digest = digest_of_resolution(stack)
    heritage = heritage or Heritage(stack=stack)
    stack = heritage.stack
    addresses = index_addresses(stack, environ)
    project = plan_project(stack, environ)
    if previous is not None and not upgrade and stack.resolve.exclude_newer is None:
        project = prefer(project, previous, addresses, upgrade_packages)
    session = _Session(
        stack=stack, environ=environ, addresses=addresses, log=_new_log(stack, environ)
    )
    with report.step(f"resolve {stack.stack.name}") as step:
        lock, found = session.resolve(project)
        step.outcome = f"{len(lock.packages)} packages for {len(lock.targets)} targets"
    session.remember(found, lock)
    return lock.model_copy(update={"stack_digest": digest, "parents": heritage.locked(lock)})


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

    def resolve(self, project: UvProject) -> tuple[Lock, UvLock]:
        """Resolve until every package has its index and its files."""
        blamed: list[Missing] = []
        demands = stack_demands(self.stack)
        for _ in range(_ROUNDS):
            found = self._ask(project, blamed)
            if strays := self._strays(found):
                project = self._bring_home(project, strays)
                continue
            reached = reach_all(found, demands, stack_targets(self.stack))
            if self.stack.resolve.closed:
                refuse_missing(missing_packages(self.stack, reached))
            files, missing = choose_files(self.stack, found, reached)
            if not missing:
                return assemble_lock(self.stack, found, reached, files), found
            blamed = missing
            project = self._without_unusable(project, missing)
        raise (
            self._no_wheel(blamed[0])
            if blamed
            else LaminaError(
                f"no stable resolution after {_ROUNDS} rounds", hints=[f"see {self.log}"]
            )
        )

    def _ask(self, project: UvProject, blamed: list[Missing]) -> UvLock:
        uv = UvProgram(environ=self.environ, log=self.log, default_index=project.default_index)
        try:
            return resolve_project(project, uv, python=self._python(project))
        except UnsatisfiableError as error:
            if blamed:
                raise self._no_wheel(blamed[0]) from error
            raise self._explained(error) from error

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

    def _explained(self, error: UnsatisfiableError) -> LaminaError:
        failure = read_failure(self.stack, error)
        if self.stack.resolve.closed:
            refuse_missing(check_closure(self.stack, self.environ).findings)
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
            if one.registry != comparable(self.addresses[index_of(self.stack, one.name)])
        ]

    def _bring_home(
        self, project: UvProject, strays: Iterable[tuple[PackageName, str]]
    ) -> UvProject:
        for name, registry in strays:
            if name in project.requirements or name not in project.package_indexes:
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
        for index in sorted({index for index, _ in wanted}):
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
