"""How fast a release starts: the import of an analysis' packages, against every other shape.

Cold, from a file system with a delay on every request; warm, from a local disk; the system calls
of both; and the memory of many processes. All sides have the same files and the same Python.
``python -m benchmarks.startup`` has options for a part of it.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import latency
from benchmarks.startup import calls, cold, imported, kinds, warm
from benchmarks.startup.prefixes import OURS, SIDES, VENV, Shapes, Start, build
from benchmarks.startup.promises import Promise, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PARTS = ("calls", "kinds", "cold", "warm", "pass", "memory")
DELAYS = (1.0, 5.0)
"""Milliseconds a request."""
MOST_CALLS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be measured."""

    rounds: int
    parts: Sequence[str] = PARTS
    sides: Sequence[str] = SIDES
    delays: Sequence[float] = DELAYS
    kept: float = latency.KEPT
    release: Path | None = None


@dataclass(slots=True)
class Report:
    """The lines of what has been measured so far; each part is shown when it is done."""

    show: Callable[[str], object] | None = None
    found: list[str] = field(default_factory=list)

    def add(self, lines: Sequence[str]) -> None:
        """Add the lines of a part."""
        self.found += lines
        if self.show is not None:
            self.show("\n".join(lines))

    def lines(self) -> list[str]:
        """Return all of it."""
        return self.found


def run(stack: Path, work: Path, rounds: int) -> Report:
    """Measure all of it for the stack in a directory."""
    report = Report()
    measure(stack, work, Asked(rounds=rounds), report)
    return report


def measure(stack: Path, work: Path, asked: Asked, report: Report) -> None:
    """Measure what is asked for; what has been made in ``work`` is used again."""
    work = work.resolve()
    home = work / "home"
    home.mkdir(parents=True, exist_ok=True)
    shapes = build(stack, work, release=asked.release.resolve() if asked.release else None)
    sides = [shapes.starts[name] for name in SIDES if name in asked.sides]
    report.add([f"start of {stack.name}: {shapes.statement}", *imported.check(shapes, sides, home)])
    before = os.getloadavg()[0]
    parts: dict[str, Callable[[], None]] = {
        "calls": lambda: report.add(_calls(shapes, sides, home)),
        "kinds": lambda: report.add(_kinds(shapes, sides, work)),
        "cold": lambda: _cold(shapes, sides, work, asked, report),
        "warm": lambda: report.add(warm.imports(shapes, sides, rounds=asked.rounds, home=home)),
        "pass": lambda: report.add(warm.nothing(shapes, sides, rounds=asked.rounds, home=home)),
        "memory": lambda: report.add(warm.memory(shapes, _two(sides), home=home)),
    }
    for name in PARTS:
        if name in asked.parts:
            parts[name]()
    report.add([f"load {before:.1f} -> {os.getloadavg()[0]:.1f}"])


def _two(sides: Sequence[Start]) -> list[Start]:
    """Return ours and the plain environment."""
    return [side for side in sides if side.name in {OURS, VENV}]


def _calls(shapes: Shapes, sides: Sequence[Start], home: Path) -> list[str]:
    rows, promises = [], []
    for side in sides:
        row = [side.name]
        for statement in (shapes.statement, "pass"):
            by_path, by_descriptor = calls.counts(calls.of_program(side, statement, home=home))
            row += [str(by_path), str(by_descriptor)]
            if side.name == OURS and statement != "pass":
                text = f"at most {MOST_CALLS} calls by path"
                promises.append(Promise(text=text, measured=by_path, most=MOST_CALLS).line())
        rows.append(row)
    heads = ["side", "by path", "by descriptor", "pass: by path", "pass: by descriptor"]
    return ["system calls below the prefix", *table(heads, rows), *promises]


def _kinds(shapes: Shapes, sides: Sequence[Start], work: Path) -> list[str]:
    """Say what the calls and requests of ours and of the plain environment are for."""
    home, can_mount = work / "home", latency.missing() is None
    columns = []
    for side in _two(sides):
        made = calls.of_program(side, shapes.statement, home=home)
        by_path = kinds.of_calls(call for call in made if call.by_path)
        by_descriptor = kinds.of_calls(call for call in made if not call.by_path)
        columns += [(f"{side.name}: by path", by_path), ("by descriptor", by_descriptor)]
        if can_mount:
            program = latency.build(work)
            requests = cold.requests_by_kind_of_file(
                side, shapes.statement, program=program, home=home
            )
            columns.append(("requests", requests))
    heads = ["what they are for", *(head for head, _ in columns)]
    rows = [[kind, *(str(counted[kind]) for _, counted in columns)] for kind in kinds.KINDS]
    rows.append(["all", *(str(counted.total()) for _, counted in columns)])
    return table(heads, rows)


def _cold(shapes: Shapes, sides: Sequence[Start], work: Path, asked: Asked, report: Report) -> None:
    if (lacking := latency.missing()) is not None:
        report.add([f"cold: not measured: {lacking}"])
        return
    far = cold.Far(program=latency.build(work), home=work / "home", kept=asked.kept)
    for delay in asked.delays:
        there = dataclasses.replace(far, milliseconds=delay)
        report.add(cold.measure(sides, shapes.statement, there, rounds=asked.rounds))
