"""Building outputs one after another into a channel, which is indexed after each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lamina.archive.repacking import repack
from lamina.build.plan import DIGEST, lack_of
from lamina.channel.index import add_packages
from lamina.core import fs, report
from lamina.core.errors import BuildFailedError, ConflictError, LaminaError
from lamina.core.hold import hold
from lamina.engines.conda_build import build, test_package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from lamina.build.plan import Plan, Planned
    from lamina.engines.conda_build import Rendering

Outcome = Literal["built", "up to date", "skipped", "failed", "not tried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where packages are built, what of, and where they go."""

    channel: Path
    """The channel that gets them."""
    channels: Sequence[Path]
    """Where requirements come from, the first before the others; ``channel`` is one of them."""
    work: Path
    """Builds happen below; what failed stays there until it is built again."""
    logs: Path
    moment: datetime
    """The time of all files."""
    tested: bool = True
    keep_going: bool = False
    environ: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of an output."""

    planned: Planned
    outcome: Outcome
    log: Path | None = None
    tests: int = 0
    error: LaminaError | None = None


def run_plan(plan: Plan, rendering: Rendering, place: Workplace) -> list[Result]:
    """Build what a plan says, in its order; what needs something that failed is not tried.

    Nothing but whole, tested packages comes into the channel, one at a time. Without
    ``keep_going`` the first failure is the last thing tried.
    """
    if not place.keep_going:
        plan.check()
    results: list[Result] = []
    lost: dict[str, str] = {}
    stopped = False
    for planned in plan.planned:
        stem = planned.output.stem
        if planned.fate in {"up to date", "skipped"}:
            outcome: Outcome = "skipped" if planned.fate == "skipped" else "up to date"
            results.append(Result(planned=planned, outcome=outcome))
        elif stopped or stem in lost:
            why = BuildFailedError(f"needs {lost[stem]}") if stem in lost else None
            results.append(Result(planned=planned, outcome="not tried", error=why))
        else:
            results.append(_tried(planned, rendering, place))
            if results[-1].outcome == "failed":
                lost |= dict.fromkeys(plan.graph.needing(stem), stem)
                stopped = not place.keep_going
    return results


def _tried(planned: Planned, rendering: Rendering, place: Workplace) -> Result:
    stem = planned.output.stem
    log = place.logs / f"{stem}.log"
    try:
        _check(planned)
        with report.step(stem):
            tests = _made(planned, rendering, place, log)
    except LaminaError as error:
        return Result(
            planned=planned, outcome="failed", log=log if log.exists() else None, error=error
        )
    return Result(planned=planned, outcome="built", log=log, tests=tests)


def _check(planned: Planned) -> None:
    if planned.missing:
        raise BuildFailedError(lack_of(planned))
    if planned.fate == "conflict":
        raise ConflictError(f"{planned.output.stem} is in the channel, made of something else")


def _made(planned: Planned, rendering: Rendering, place: Workplace, log: Path) -> int:
    """Build, test and add one package; return how many tests it passed."""
    output = planned.output
    fs.make_directory(place.logs)
    fs.remove_file(log)
    # The same place each time: programs are built with its name inside.
    work = place.work / f"{output.name}-{output.build}"
    fs.make_directory(place.work)
    with hold(work.with_name(f"{work.name}.lock"), "lamina build") as holder:
        if holder is not None:
            raise ConflictError(f"{output.stem} is being built on {holder.host or 'this machine'}")
        fs.remove_tree(work)
        fs.make_directory(work / "out")
        built = build(
            output,
            rendering,
            channels=place.channels,
            work=work / "out",
            environ=place.environ,
            log=log,
        )
        whole = repack(built, work / "whole", moment=place.moment, extra={DIGEST: planned.digest})
        tests = 0
        if place.tested and rendering.platform == rendering.build_platform:
            tests = test_package(whole, channels=place.channels, environ=place.environ, log=log)
        add_packages(place.channel, [whole])
        fs.remove_tree(work)
    return tests
