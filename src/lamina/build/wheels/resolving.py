"""The environment of each build, exactly: from the stack's lock, lamina-build.lock, else uv."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lamina.build.wheels.document import LockedBuild, LockedFile
from lamina.core.errors import BuildFailedError, LaminaError
from lamina.engines.uv_compile import KnownPackage, PackageIndexes, Union, UvUnion
from lamina.model.artifacts import Artifact, ArtifactKind
from lamina.model.names import OF_NO_INDEX, PackageName, parse_package_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lamina.build.wheels.document import BuildLock
    from lamina.build.wheels.needs import Locked
    from lamina.build.wheels.order import Order
    from lamina.engines.uv_program import UvProgram
    from lamina.lock.document import Lock
    from lamina.model.names import IndexName
    from lamina.model.platforms import Target

Answer = tuple[tuple[Artifact, ...], frozenset[PackageName]]
"""Files of the index, and what is the stack's already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What is installed for one build."""

    stack: frozenset[PackageName]
    """Packages of the stack's lock."""
    files: tuple[Artifact, ...]
    """Wheels of the index."""
    locked: LockedBuild
    """As it is written down."""


@dataclass(kw_only=True)
class Resolver:
    """Finds the environments of builds for one target; may be used by several threads."""

    lock: Lock
    locked: Locked
    orders: Mapping[PackageName, Order]
    target: Target
    build_lock: BuildLock
    uv: UvProgram
    python: Path
    indexes: Mapping[IndexName, str]
    default: IndexName
    _answers: dict[tuple[object, ...], Answer] = field(default_factory=dict)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def environment(
        self, order: Order, requires: Sequence[str], further: Sequence[str] | None = None
    ) -> Environment:
        """Return the environment for a package whose sources ask for ``requires``.

        ``further``: what its back end asked for in addition, None where it has not been asked:
        then it is what lamina-build.lock has. Raises UnsatisfiableError, BuildFailedError.
        """
        first = self.locked.needs(order, requires, self.orders)
        known = self._written(order, first.index)
        if further is None:
            further = known.further if known is not None else ()
        needs = self.locked.needs(order, [*requires, *further], self.orders)
        if known is not None and sorted(known.further) == sorted(further):
            files: tuple[Artifact, ...] = tuple(_artifact(one) for one in known.files)
            also = frozenset(parse_package_name(one.partition("==")[0]) for one in known.stack)
        else:
            files, also = self._resolve(order, needs.index)
        boot = [one for one in self.orders if self.orders[one].bootstrap]
        more = self.locked.closure({name: frozenset() for name in also}, but=(*boot, order.name))
        return Environment(
            stack=needs.stack | more,
            files=files,
            locked=LockedBuild(
                package=order.name,
                target=self.target,
                requires=first.index,
                further=tuple(sorted(further)),
                stack=tuple(sorted(self._pin(name) for name in also)),
                files=tuple(map(_file, files)),
            ),
        )

    def _of_the_stack(self) -> set[PackageName]:
        boot = {name for name, one in self.orders.items() if one.bootstrap}
        return {*self.locked.packages, *self.locked.provided} - boot

    def _pin(self, name: PackageName) -> str:
        return f"{name}=={self.locked.version(name)}"

    def _written(self, order: Order, index: Sequence[str]) -> LockedBuild | None:
        """Return what lamina-build.lock has, where it still is an answer to what is asked."""
        for one in self.build_lock.builds:
            if (one.package, one.target) != (order.name, self.target):
                continue
            pins = set(self.locked.pins())
            new = {file.name for file in one.files} & self._of_the_stack()
            if set(one.requires) == set(index) and set(one.stack) <= pins:
                return one if order.isolated or not new else None
        return None

    def _resolve(self, order: Order, index: tuple[str, ...]) -> Answer:
        """Ask uv, once for each question."""
        if not index:
            return (), frozenset()
        with self._mutex:
            question = (index, order.isolated, order.name if order.isolated else "")
            if question not in self._answers:
                self._answers[question] = self._ask(order, index)
            return self._answers[question]

    def _ask(self, order: Order, index: tuple[str, ...]) -> Answer:
        union = Union(
            requirements=index,
            constraints=() if order.isolated else self.locked.pins(),
            preferences=(),
            known=() if order.isolated else self._known(),
        )
        solver = UvUnion(
            # A build requirement that would have to be built itself is one for [packages].
            program=replace(self.uv, interpreter={**self.uv.interpreter, "UV_NO_BUILD": "1"}),
            python=self.python,
            series=self.target.python,
            indexes=self._indexes(),
            exclude_newer=_moment(self.lock),
        )
        try:
            solution = solver.resolve(union)
            theirs = set() if order.isolated else self._of_the_stack()
            rest = [
                f"{name}=={one.version}" for name, one in solution.items() if name not in theirs
            ]
            files = tuple(solver.files(rest))
        except LaminaError as error:
            raise type(error)(
                f"what the build of {order.name} needs cannot be had: {error.message}",
                hints=[
                    *error.hints,
                    "list it under [packages], with source = true where it has no wheel",
                ],
            ) from error
        self._refuse_sources(order, files)
        taken = frozenset(name for name in solution if name in theirs)
        return tuple(sorted(files, key=lambda one: one.package)), taken

    def _refuse_sources(self, order: Order, files: tuple[Artifact, ...]) -> None:
        for one in files:
            if one.kind is ArtifactKind.SDIST:
                raise BuildFailedError(
                    f"{order.name} needs {one.package} to be built, which has no wheel itself",
                    hints=[f"[packages] {one.package} = {{ source = true }}"],
                )

    def _indexes(self) -> PackageIndexes:
        without = {self.default, *OF_NO_INDEX}
        named = {one.name: one.index for one in self.lock.packages if one.index not in without}
        return PackageIndexes(addresses=self.indexes, default=self.default, named=named)

    def _known(self) -> tuple[KnownPackage, ...]:
        """Return what is built here or is of conda: uv may not find a wheel of it."""
        provided = tuple(
            KnownPackage(name=name, version=version, requires=(), extras=())
            for name, version in sorted(self.locked.provided.items())
        )
        return provided + tuple(
            KnownPackage(
                name=name,
                version=self.locked.packages[name].version,
                requires=tuple(
                    each.name
                    for each in self.locked.packages[name].dependencies
                    if each.extra is None and self.locked.holds(each.marker)
                ),
                extras=(),
            )
            for name, order in self.orders.items()
            if not order.bootstrap
        )


def _moment(lock: Lock) -> str | None:
    return lock.exclude_newer.isoformat() if lock.exclude_newer is not None else None


def _file(one: Artifact) -> LockedFile:
    return LockedFile(
        name=one.package, version=one.version, index=one.index, file=one.filename, sha256=one.sha256
    )


def _artifact(one: LockedFile) -> Artifact:
    return Artifact(
        package=one.name, version=one.version, index=one.index, filename=one.file, sha256=one.sha256
    )
