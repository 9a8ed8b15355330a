"""Two or more ways to do the same work, timed in turns in one run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way: its commands, timed together, and what is done before them, which is not."""

    name: str
    commands: Sequence[Sequence[str | Path]]
    prepare: Callable[[], object] = lambda: None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    directory: Path | None = None
    forgiven: frozenset[int] = frozenset()
    """Exit codes that are no failure: compileall's 1 for files that are not for this Python."""
    made: Path | None = None
    """The environment that comes out, whose distributions and bytes are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The seconds of every round by side; ours comes first."""

    title: str
    seconds: Mapping[str, Sequence[float]]
    reference: str
    """The side that ratios are taken to."""
    promise: float | None
    load: tuple[float, float]
    """The machine's load average before and after."""
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Distributions and bytes of what each side has made."""

    def median(self, side: str) -> float:
        """Return the median of a side, in seconds."""
        return statistics.median(self.seconds[side])

    def ratio(self, side: str) -> float:
        """Return a side's median over that of the reference."""
        return self.median(side) / self.median(self.reference)

    def lines(self) -> list[str]:
        """Return the comparison as text."""
        rounds = len(next(iter(self.seconds.values())))
        before, after = self.load
        promised = [] if self.promise is None else [f"at most {self.promise:g} x {self.reference}"]
        return [
            f"{self.title}: medians of {rounds}, load {before:.1f} -> {after:.1f}",
            *(f"  promised: {text}" for text in promised),
            *(
                f"  {side:28} {self.median(side):8.3f} s  ({min(many):.3f} - {max(many):.3f})"
                f"  {self.ratio(side):7.2f} x{self._size(side)}"
                for side, many in self.seconds.items()
            ),
        ]

    def _size(self, side: str) -> str:
        if side not in self.sizes:
            return ""
        distributions, size = self.sizes[side]
        return f"  {distributions} distributions, {size / 2**20:.1f} MiB"


def compare(
    title: str,
    sides: Sequence[Side],
    *,
    rounds: int,
    reference: str,
    promise: float | None = None,
    warm: bool = True,
) -> Comparison:
    """Run all sides in turns; a first round, not counted, warms the caches of every one.

    ``warm``: whether there is such a round; what takes long from nothing needs none.
    """
    before = os.getloadavg()[0]
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    sizes: dict[str, tuple[int, int]] = {}
    first = 0 if warm else 1
    for turn in range(first, rounds + 1):
        for side in sides:
            taken = _seconds(side)
            if turn:
                seconds[side.name].append(taken)
            if side.made is not None:
                sizes[side.name] = _measured(side.made)
    return Comparison(
        title=title,
        seconds=seconds,
        reference=reference,
        promise=promise,
        load=(before, os.getloadavg()[0]),
        sizes=sizes,
    )


def _measured(environment: Path) -> tuple[int, int]:
    """Return how many distributions an environment has, and its bytes, links not followed."""
    distributions = len(list(environment.glob("lib/python*/site-packages/*.dist-info")))
    size = sum(
        (Path(top) / name).lstat().st_size
        for top, _, names in os.walk(environment)
        for name in names
    )
    return distributions, size


def _seconds(side: Side) -> float:
    side.prepare()
    start = time.perf_counter()
    for command in side.commands:
        done = subprocess.run(
            command,
            env=dict(side.environ),
            cwd=side.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and done.returncode not in side.forgiven:
            sys.exit(f"{side.name}: {command[0]} failed\n{done.stderr}")
    return time.perf_counter() - start
