"""Who builds packages: threads of this process, or workers on other machines."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from lamina.build.wheels.order import cores
from lamina.build.wheels.work import work_on
from lamina.core.clock import seconds_in
from lamina.core.errors import UsageError
from lamina.core.run import redact

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
_KIND = re.compile(r"(local|slurm)(?::([1-9][0-9]*))?")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.%]+")
_WAIT = "LAMINA_DASK_WAIT"


def workers_on(text: str, environ: Mapping[str, str]) -> Workers:
    """Return who builds, as ``--on`` says it; raises UsageError.

    ``local``, ``local:N``; ``dask://HOST:PORT``; ``slurm``, ``slurm:N``, followed by options of
    sbatch. N: how many packages at once.
    """
    try:
        first, *options = shlex.split(text) or [""]
        if first.startswith("dask://") and not options:
            return _workers_of_dask(_scheduler(first), environ)
    except ValueError as error:
        raise UsageError(f"--on {redact(text)!r}: {error}", hints=[_FORMS]) from error
    found = _KIND.fullmatch(first)
    if found is None or (options and found[1] != "slurm"):
        raise UsageError(f"--on {redact(text)!r}: nothing that lamina can build on", hints=[_FORMS])
    slots = int(found[2]) if found[2] else None
    if found[1] == "local":
        return LocalWorkers(slots)
    from lamina.build.wheels.remote import RemoteWorkers
    from lamina.engines.slurm import Slurm

    return RemoteWorkers(Slurm(environ=environ, options=options), slots or _AT_ONCE)


def _workers_of_dask(address: str, environ: Mapping[str, str]) -> Workers:
    from lamina.build.wheels.remote import RemoteWorkers
    from lamina.engines.dask_cluster import PATIENCE_SECONDS, Dask

    patience = seconds_in(environ, _WAIT, PATIENCE_SECONDS)
    return RemoteWorkers(Dask(address=address, patience=patience), _AT_ONCE)


def _scheduler(text: str) -> str:
    """Return ``HOST:PORT`` of ``dask://HOST:PORT``; raises ValueError for any other address."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError("a scheduler has a host and a port from 1 to 65535: dask://host:8786")
    if "@" in parts.netloc or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("the address of a scheduler is a host and a port alone: dask://host:8786")
    if not _HOST.fullmatch(parts.hostname or ""):
        raise ValueError(f"{parts.hostname or ''!r} is not the name or address of a machine")
    return parts.netloc
