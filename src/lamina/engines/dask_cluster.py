"""Dask: programs as tasks of a cluster that somebody has started (dask.distributed).

Its scheduler gives a task to another worker when one dies; how often a program may be started so
is up to the program. Of workers that are gone it says nothing: tasks wait for others, so we ask.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core.errors import LaminaError, NotSupportedError
from lamina.core.run import base_environment, run
from lamina.engines.absence import Absence
from lamina.engines.api import Ended

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE_SECONDS = 600.0
"""So long a cluster may be without workers."""
_CONNECT_SECONDS = 15
_LOOK_SECONDS = 2.0
"""No more often is the scheduler asked for its workers, for all tasks together."""
_OVER = ("closing", "closed")
"""A client that has lost its scheduler, and has looked for it in vain."""
_INSTALL = ("pip install 'lamina[dask]'", "pip install '.[dask]', from a checkout of lamina")
_SHARED = "XDG_CACHE_HOME has to be a directory that all machines share"


@dataclass(kw_only=True)
class Dask:
    """Gives programs to the workers of a scheduler; may be used by several threads."""

    address: str
    """Of the scheduler, as ``host:port``."""
    patience: float = PATIENCE_SECONDS
    """For how many seconds there may be no workers, once there were some."""
    _client: Client | None = None
    _futures: list[Future[Any]] = field(default_factory=list)
    _absence: Absence = field(init=False)
    _asked: float = 0.0
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._absence = Absence(
            cluster=f"Dask at {self.address}", patience=self.patience, hints=self._hints
        )

    @property
    def _hints(self) -> list[str]:
        return [f"dask worker tcp://{self.address}"]

    def connect(self, directory: Path) -> None:
        """Find the scheduler, and let each of its workers look at the directory."""
        try:
            from distributed import Client
        except ImportError as error:
            raise NotSupportedError(
                "--on dask: dask.distributed is not installed", hints=_INSTALL
            ) from error

        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        host, _, port = self.address.rpartition(":")
        try:
            socket.getaddrinfo(host.strip("[]"), port)  # Dask would ask again and again.
            self._client = Client(
                f"tcp://{self.address}", timeout=_CONNECT_SECONDS, set_as_default=False
            )
            found = self._client.run(look, str(directory), on_error="return")
        except (OSError, TimeoutError, ValueError) as error:
            raise LaminaError(
                f"no scheduler of Dask answers at {self.address}: {error}",
                hints=["dask scheduler", *self._hints],
            ) from error
        if not found:
            raise LaminaError(
                f"the scheduler of Dask at {self.address} has no workers", hints=self._hints
            )
        check_workers(found)

    def start(self, name: str, module: str, place: Path, output: Path) -> _Task:
        """Submit a task that runs the program in a process of its own.

        Raises LaminaError where there is nobody any more.
        """
        client = self._attended()
        key = f"lamina-{name}-{place.parent.name[:8]}-{len(self._futures)}"
        future = client.submit(
            run_program, module, str(place), str(output), key=key, pure=False, retries=0
        )
        self._futures.append(future)
        return _Task(dask=self, future=future)

    def close(self) -> None:
        """Cancel what is not done; what runs already ends when its request is gone."""
        if self._client is not None:
            if self._client.status not in _OVER:
                self._client.cancel(self._futures)
            self._client.close()

    def ended(self, future: Future[Any]) -> Ended | None:
        """Return how a task has ended; raises LaminaError where there is nobody to do it."""
        match future.status:
            case "pending":
                self._attended()
                return None
            case "finished":
                code, host = future.result()
                how = f"exit code {code}" if code >= 0 else f"signal {-code}"
                return Ended(code=code if code >= 0 else None, how=how, host=host)
            case "error":
                return Ended(code=None, how=str(future.exception()).partition("\n")[0])
            case other:
                if self._attended().status != "running":
                    return None  # It may be there again in a moment.
                return Ended(code=None, how=f"{other} by the scheduler")

    def _attended(self) -> Client:
        """Return the client of a scheduler that is there, with workers, or without for a while."""
        client = self._client
        assert client is not None  # noqa: S101 - connect() was called
        with self._mutex:
            if client.status in _OVER:
                raise LaminaError(
                    f"the scheduler of Dask at {self.address} does not answer any more",
                    hints=["dask scheduler", *self._hints],
                )
            now = time.monotonic()
            if client.status == "running" and now - self._asked >= _LOOK_SECONDS:
                self._absence.saw(client.scheduler_info(n_workers=0)["n_workers"], now)
                self._asked = now
        return client


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    dask: Dask
    future: Future[Any]

    def ended(self) -> Ended | None:
        """Return how it has ended, None while it has not."""
        return self.dask.ended(self.future)


def look(directory: str) -> dict[str, Any]:
    """Say, on a worker, what it is and whether it sees a directory."""
    from importlib.metadata import version

    return {
        "host": platform.node(),
        "lamina": version("lamina"),
        "platform": f"{sys.platform} on {platform.machine()}",
        "sees": Path(directory).is_dir(),
    }


def check_workers(found: dict[str, Any]) -> None:
    """Raise NotSupportedError for workers that cannot build for this machine."""
    from importlib.metadata import version

    ours = {"lamina": version("lamina"), "platform": f"{sys.platform} on {platform.machine()}"}
    lines, hints = [], []
    for address, told in sorted(found.items()):
        if not isinstance(told, dict):
            lines.append(f"{address} cannot import lamina: {told}")
            hints.append(f"pip install 'lamina[dask]=={ours['lamina']}'  # on all workers")
            continue
        where = f"{address} on {told['host']}"
        for what, mine in ours.items():
            if told[what] != mine:
                lines.append(f"{where}: {what} is {told[what]}, and {mine} here")
        if not told["sees"]:
            lines.append(f"{where} does not see this machine's cache")
            hints.append(_SHARED)
    if lines:
        raise NotSupportedError(
            "not all workers can build for this machine:\n"
            + "\n".join(f"  {line}" for line in lines),
            hints=list(dict.fromkeys(hints)),
        )


def run_program(module: str, place: str, output: str) -> tuple[int, str]:
    """Run, on a worker, a module of ours on a directory; return its exit code and the machine.

    In a process of its own: it ends all that it has started when this one dies.
    """
    env = base_environment(os.environ)
    if "PYTHONPATH" in os.environ:
        env["PYTHONPATH"] = os.environ["PYTHONPATH"]
    log = Path(output) if Path(place).is_dir() else None
    answer = run([sys.executable, "-m", module, place], env=env, log=log, check=False)
    return answer.returncode, platform.node()
