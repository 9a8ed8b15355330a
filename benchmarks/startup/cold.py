"""A first start on a machine: the prefix on a file system with a delay, mounted for each start."""

from __future__ import annotations

import dataclasses
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import latency
from benchmarks.startup import kinds
from benchmarks.startup.prefixes import CONDA, DIRECTORIES, OURS, VENV, VIEW
from benchmarks.startup.promises import Promise, table

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.startup.prefixes import Start

UNHURRIED = "IOCTL"
"""The kind of request that does not wait."""
SLOW_ROUNDS = 1
"""Rounds of one directory a package, which takes minutes."""
TIMES_FASTER: Mapping[float, Mapping[str, float]] = {
    1: {VENV: 5, CONDA: 5, VIEW: 5, DIRECTORIES: 25},
    5: {VENV: 10, CONDA: 10, VIEW: 10, DIRECTORIES: 25},
}
"""What is promised, by delay in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One start: its seconds, from exec to exit, and its requests by kind."""

    seconds: float
    requests: Mapping[str, int]

    @property
    def waited(self) -> int:
        """Return how many requests were delayed."""
        return sum(self.requests.values()) - self.requests[UNHURRIED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """How far away a prefix is shown: the delay of a request, and how long answers are kept."""

    program: Path
    home: Path
    milliseconds: float = 0
    kept: float = latency.KEPT
    """Seconds."""
    log: Path | None = None


def measure(sides: Sequence[Start], statement: str, far: Far, *, rounds: int) -> list[str]:
    """Return the table of one delay; a first start without a delay warms what is behind it."""
    starts: dict[str, list[Started]] = {side.name: [] for side in sides}
    near = dataclasses.replace(far, milliseconds=0, kept=latency.KEPT)
    for side in sides:
        start(side, statement, near)
    for turn in range(rounds):
        for side in sides:
            if side.name != DIRECTORIES or turn < SLOW_ROUNDS:
                starts[side.name].append(start(side, statement, far))
    kept = "" if far.kept == latency.KEPT else f", answers kept for {far.kept:g} s"
    return [
        f"cold, {far.milliseconds:g} ms a request{kept}: medians of {rounds}",
        *_lines(starts),
        *(promise.line() for promise in _promises(starts, far.milliseconds)),
    ]


def start(side: Start, statement: str, far: Far) -> Started:
    """Start a side once from a fresh mount."""
    place = latency.mounted(
        far.program,
        side.prefix,
        side.prefix,
        milliseconds=far.milliseconds,
        kept=far.kept,
        log=far.log,
    )
    with place as mount:
        began = time.perf_counter()
        subprocess.run(
            [side.python, "-c", statement],
            env=side.environ(far.home),
            cwd=far.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        return Started(seconds=time.perf_counter() - began, requests=mount.requests())


def requests_by_kind_of_file(
    side: Start, statement: str, *, program: Path, home: Path
) -> Counter[str]:
    """Return how many requests that wait are for which kind of file."""
    log = home / "requests"
    start(side, statement, Far(program=program, home=home, log=log))
    return kinds.of_requests(side.prefix, log)


def _lines(starts: Mapping[str, Sequence[Started]]) -> list[str]:
    names = [name for name in next(iter(starts.values()))[0].requests if name != UNHURRIED]
    reference = _seconds(next(iter(starts.values())))
    rows = []
    for side, many in starts.items():
        middle = sorted(many, key=lambda one: one.seconds)[len(many) // 2]
        seconds = _seconds(many)
        rows.append(
            [side, f"{seconds:.2f}", f"{seconds / reference:.2f}", str(middle.waited)]
            + [str(middle.requests[name]) for name in names]
        )
    return table(["side", "seconds", "ratio", "requests", *(name.lower() for name in names)], rows)


def _seconds(many: Sequence[Started]) -> float:
    return statistics.median(one.seconds for one in many)


def _promises(starts: Mapping[str, Sequence[Started]], milliseconds: float) -> list[Promise]:
    if OURS not in starts:
        return []
    ours = _seconds(starts[OURS])
    return [
        Promise(
            text=f"{least:g} times as fast as {other}",
            measured=_seconds(starts[other]) / ours,
            least=least,
        )
        for other, least in TIMES_FASTER.get(milliseconds, {}).items()
        if other in starts
    ]
