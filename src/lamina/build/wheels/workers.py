"""Who builds packages: threads of this process, or workers on other machines."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Protocol

from lamina.build.wheels.order import cores
from lamina.build.wheels.work import work_on
from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lamina.build.wheels.making import Bench
    from lamina.build.wheels.work import Asked, Built, Work


class Workers(Protocol):
    """Builds packages somewhere, several at once."""

    @property
    def slots(self) -> int:
        """How many packages it is given at once."""

    def begin(self, bench: Bench, check_here: Callable[[], None]) -> None:
        """Get ready; ``check_here`` raises where this machine lacks what builds need.

        Raises what says that there is nobody, or nobody who can build for this machine.
        """

    def work(self, work: Work) -> Built | Asked:
        """Build one package and return when that is done; called by several threads."""

    def close(self) -> None:
        """End all that goes on."""


class LocalWorkers:
    """Builds in threads of this process; what they run is ended with the process."""

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or cores()

    def begin(self, bench: Bench, check_here: Callable[[], None]) -> None:  # noqa: ARG002
        """Look at this machine."""
        check_here()

    def work(self, work: Work) -> Built | Asked:
        """Build one package."""
        return work_on(work)

    def close(self) -> None:
        """Do nothing: threads are waited for."""


_AT_ONCE = 64
"""So many packages are given to a cluster at once, which puts them in a queue of its own."""
_FORMS = "local, local:4, dask://host:8786, slurm or slurm:20, each number one of packages at once"
_KIND = re.compile(r"(local|slurm)(?::([1-9][0-9]*))?|dask://([^/\s:]+:[0-9]+)/?")


def workers_on(text: str, environ: Mapping[str, str]) -> Workers:
    """Return who builds, as ``--on`` says it; raises UsageError.

    ``local``, ``local:N``; ``dask://HOST:PORT``; ``slurm``, ``slurm:N``, followed by options of
    sbatch. N: how many packages at once.
    """
    from lamina.build.wheels.remote import RemoteWorkers

    try:
        first, *options = shlex.split(text) or [""]
    except ValueError as error:
        raise UsageError(f"--on {text!r}: {error}", hints=[_FORMS]) from error
    found = _KIND.fullmatch(first)
    if found is None or (options and found[1] != "slurm"):
        raise UsageError(f"--on {text!r}: nothing that lamina can build on", hints=[_FORMS])
    slots = int(found[2]) if found[2] else None
    match found[1]:
        case "local":
            return LocalWorkers(slots)
        case "slurm":
            from lamina.engines.slurm import Slurm

            return RemoteWorkers(Slurm(environ=environ, options=options), slots or _AT_ONCE)
        case _:
            from lamina.engines.dask_cluster import Dask

            return RemoteWorkers(Dask(address=found[3]), _AT_ONCE)
