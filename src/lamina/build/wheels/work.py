"""The work on one package: a plain request, which a process on any machine can carry out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lamina.build.wheels.cache import key_of
from lamina.build.wheels.making import Job
from lamina.build.wheels.working import working
from lamina.core.run import base_environment
from lamina.engines.index_settings import configured_index
from lamina.engines.uv_install import UvInstaller

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lamina.build.wheels.cache import BuiltWheel, WheelCache
    from lamina.build.wheels.making import Bench
    from lamina.build.wheels.order import Order
    from lamina.model.artifacts import Artifact
    from lamina.model.digests import Sha256
    from lamina.model.names import IndexName, PackageName

_OF_A_MACHINE = ("TMPDIR", "TEMP", "TMP", "TERM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What is installed for a build."""

    artifacts: tuple[Artifact, ...]
    addresses: Mapping[Artifact, str]
    further: tuple[str, ...]
    """What its back end is known to ask for, sorted; it is in the kit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that it takes to build one package and to keep its wheel."""

    bench: Bench
    order: Order
    source: Path
    """Its source distribution."""
    kit: Kit
    indexes: Mapping[IndexName, str]
    inputs: Mapping[str, Any]
    """All that goes into the build."""
    cache: WheelCache

    @property
    def name(self) -> PackageName:
        """The package."""
        return self.order.name

    @property
    def key(self) -> Sha256:
        """Of its wheel, in the cache."""
        return key_of(self.inputs)

    def to_carry(self) -> Work:
        """Return it as what may leave this machine: without variables that are of no use there."""
        environ = base_environment(self.bench.environ)
        environ = {name: text for name, text in environ.items() if name not in _OF_A_MACHINE}
        uv = self.bench.uv
        index = uv.default_index or configured_index(self.bench.environ)
        uv = replace(uv, environ=environ, default_index=index, interpreter=dict(uv.interpreter))
        return replace(self, bench=replace(self.bench, environ=environ, uv=uv))


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A wheel that was built and is in the cache."""

    wheel: BuiltWheel
    fresh: bool = True
    """False: another lamina has built it meanwhile."""
    host: str = ""
    """The machine that built it; empty: this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Nothing was built: the back end asks for other things than its kit has."""

    further: tuple[str, ...]
    """PEP 508, sorted."""


class _AskedError(Exception):
    """Ends a build whose back end asks for more."""

    def __init__(self, further: tuple[str, ...]) -> None:
        super().__init__()
        self.further = further


def work_on(work: Work) -> Built | Asked:
    """Build a package and keep its wheel; raises what a Job raises."""
    uv = replace(work.bench.uv, log=work.bench.log(work.name))
    installer = UvInstaller(uv=uv, indexes=work.indexes)

    def install(further: Sequence[str] | None, python: Path) -> None:
        if further is None:
            addresses = _Addresses(work.kit.addresses)
            installer.install(work.kit.artifacts, python=python, locator=addresses)
        elif (asked := tuple(sorted(further))) != work.kit.further:
            raise _AskedError(asked)

    try:
        with working(work.bench.directory, work.name) as directory:
            # Whoever was waited for may have built it.
            if (there := work.cache.find(work.key)) is not None:
                return Built(wheel=there, fresh=False)
            job = Job(bench=replace(work.bench, uv=uv), order=work.order, source=work.source,
                      work=directory, install=install)  # fmt: skip
            wheel, provenance = job.build(work.inputs)
            return Built(wheel=work.cache.put(work.key, wheel, provenance, scratch=directory))
    except _AskedError as error:
        return Asked(further=error.further)


@dataclass(frozen=True, slots=True)
class _Addresses:
    """An ArtifactLocator that has been told everything."""

    known: Mapping[Artifact, str]

    def addresses(self, artifacts: Iterable[Artifact]) -> dict[Artifact, str]:
        """Return the address of each artifact."""
        return {one: self.known[one] for one in artifacts}
