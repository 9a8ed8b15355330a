"""Workers on other machines: packages are handed out by files, and programs started by a cluster.

A worker that dies costs its package's time: the package is handed out again. A build that fails
has failed, wherever it was.
"""

from __future__ import annotations

import shlex
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from lamina.build.wheels.carrying import (
    ATTEMPTS,
    NOT_SHARED,
    OUTPUT,
    Reply,
    Request,
    hosts_in,
    read_reply,
    write_request,
)
from lamina.build.wheels.complaint import last_line
from lamina.build.wheels.work import Asked, Built
from lamina.core import fs, report
from lamina.core.errors import (
    BuildFailedError,
    InterruptedByUserError,
    LaminaError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lamina.build.wheels.making import Bench
    from lamina.build.wheels.work import Work
    from lamina.engines.api import Cluster, Ended, Task

WORKER = "lamina.build.wheels.worker"
_LOOK_SECONDS = 0.5
_LATE_SECONDS = 90.0
"""Network file systems may show a new file that late."""
_FORGOTTEN_SECONDS = 7 * 24 * 3600.0


class RemoteWorkers:
    """Has packages built by a cluster."""

    def __init__(self, cluster: Cluster, slots: int) -> None:
        self.slots = slots
        self._cluster = cluster
        self._token = uuid4().hex
        self._desk: Path | None = None
        self._closed = threading.Event()

    def begin(self, bench: Bench, check_here: Callable[[], None]) -> None:  # noqa: ARG002
        """Make the directory by which we talk, and connect; workers look at their machines."""
        desks = bench.directory.parent / "desks"
        _forget(desks)
        self._desk = desks / self._token
        fs.make_directory(self._desk)
        fs.set_mode(self._desk, 0o700)
        try:
            self._cluster.connect(self._desk)
        except BaseException:
            self.close()
            raise

    def work(self, work: Work) -> Built | Asked:
        """Have one package built; raises what the build raises, BuildFailedError after deaths."""
        assert self._desk is not None  # noqa: S101 - begin() was called
        place = self._desk / f"{work.name}-{uuid4().hex[:8]}"
        fs.make_directory(place)
        system = {
            work.name: (*work.order.system, *(["patch"] if work.order.patches else [])),
            "[build] system": tuple(work.bench.hints),
        }
        write_request(place, Request(work=work.to_carry(), token=self._token, system=system))
        why: list[str] = []
        while len(why) < ATTEMPTS:
            task = self._cluster.start(work.name, WORKER, place, place / OUTPUT)
            reply, ended = self._wait(work, place, task)
            if reply is not None and not reply.deaths:
                return self._taken(work, reply)
            if ended is not None and ended.code == NOT_SHARED:
                raise _not_shared(place, ended)
            if ended is not None and ended.code in {126, 127}:
                raise _no_lamina(place, ended)
            why += [_said(place, ended)] * (reply.deaths if reply else 1)
            if len(why) < ATTEMPTS:
                _tell_again(work, why[-1], len(why) + 1)
        raise BuildFailedError(
            f"{work.name}: {len(why)} workers died over it, the last one{why[-1]}",
            hints=[
                "[build] jobs = 1 in lamina.toml, if they ran out of memory",
                f"less {shlex.quote(str(work.bench.log(work.name)))}",
            ],
        )

    def close(self) -> None:
        """Cancel what was handed out and is not done; whoever waits for it is let go."""
        self._closed.set()
        try:
            self._cluster.close()
        finally:
            # A worker may be writing there; what stays is taken away after a week.
            with suppress(StorageError):
                if self._desk is not None:
                    fs.remove_tree(self._desk)

    def _wait(self, work: Work, place: Path, task: Task) -> tuple[Reply | None, Ended | None]:
        """Wait for the reply, or for the end of a program that leaves none."""
        seen, ended, late = len(hosts_in(place)), None, 0.0
        while not self._closed.wait(_LOOK_SECONDS):
            if (reply := read_reply(place, self._token)) is not None:
                return reply, ended
            hosts = hosts_in(place)
            if seen and len(hosts) > max(seen, 1):
                _tell_again(work, f" on {hosts[-2]}", len(hosts))
            seen = max(seen, len(hosts))
            if ended is None and (ended := task.ended()) is not None:
                late = time.monotonic() + (_LATE_SECONDS if ended.code == 0 else 0)
                continue  # to look once more
            if ended is not None and time.monotonic() > late:
                return None, ended
        fs.remove_tree(place)  # who comes late finds no request
        raise InterruptedByUserError(f"{work.name}: interrupted")

    def _taken(self, work: Work, reply: Reply) -> Built | Asked:
        for warning in reply.warnings:
            report.warn(warning)
        if reply.error is not None:
            raise reply.error
        if not isinstance(reply.answer, Built):
            assert reply.answer is not None  # noqa: S101 - one of the three
            return reply.answer
        end = time.monotonic() + _LATE_SECONDS
        while (found := work.cache.find(work.key)) is None and time.monotonic() < end:
            self._closed.wait(_LOOK_SECONDS)
        if found is None:
            raise LaminaError(
                f"{work.name} was built on {reply.answer.host}, "
                f"and is not in {work.cache.directory} here",
                hints=["XDG_CACHE_HOME has to be a directory that all machines share"],
            )
        return replace(reply.answer, wheel=found)


def _tell_again(work: Work, how: str, attempt: int) -> None:
    again = f"it is built again, attempt {attempt} of {ATTEMPTS}"
    report.warn(f"{work.name}: its worker died{how}; {again}")


def _said(place: Path, ended: Ended | None) -> str:
    """Return where and how a worker died, with the last that was written where it was started."""
    if ended is None:
        return f" on {hosts_in(place)[-2]}"  # the last one only counted the others
    return f"{f' on {ended.host}' if ended.host else ''}, {ended.how}{_last(place)}"


def _last(place: Path) -> str:
    try:
        said = last_line((place / OUTPUT).read_text("utf-8", "replace"))
    except OSError:
        return ""
    return f": {said}" if said else ""


def _not_shared(place: Path, ended: Ended) -> LaminaError:
    return LaminaError(
        f"a worker{f' on {ended.host}' if ended.host else ''} does not see {place.parent}",
        hints=["XDG_CACHE_HOME has to be a directory that all machines share"],
    )


def _no_lamina(place: Path, ended: Ended) -> LaminaError:
    return LaminaError(
        f"lamina cannot be started{f' on {ended.host}' if ended.host else ''}{_last(place)}",
        hints=["install it in a directory that all machines share"],
    )


def _forget(desks: Path) -> None:
    """Take away what was left by those that were killed a week ago."""
    for one in desks.iterdir() if desks.is_dir() else ():
        if time.time() - one.stat().st_mtime > _FORGOTTEN_SECONDS:
            fs.remove_tree(one)
