"""A start on a machine that has everything in its memory: seconds, and what each process keeps."""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.sides import Comparison, Side, compare
from benchmarks.startup.prefixes import NO_INDEX, OURS, VENV
from benchmarks.startup.promises import Promise, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.startup.prefixes import Shapes, Start

LEAST_ROUNDS, LEAST_SHORT_ROUNDS = 7, 20
PROCESSES = 8
BARE = "its bare Python"


def imports(shapes: Shapes, sides: Sequence[Start], *, rounds: int, home: Path) -> list[str]:
    """Return the table of the whole import from a local disk."""
    found = _compared("warm, local disk", sides, shapes.statement, max(rounds, LEAST_ROUNDS), home)
    lines = _lines(found, digits=0)
    if OURS in found.seconds and VENV in found.seconds:
        ratio = found.median(OURS) / found.median(VENV)
        lines.append(Promise(text=f"never slower than {VENV}", measured=ratio, most=1).line())
        lines.append(Promise(text=f"aim, 0.9 of {VENV}", measured=ratio, most=0.9).line())
    return lines


def nothing(shapes: Shapes, sides: Sequence[Start], *, rounds: int, home: Path) -> list[str]:
    """Return the table of ``python -c pass``, the interpreter without packages among its sides."""
    asked = [side for side in sides if side.name in {OURS, NO_INDEX, VENV}]
    if not asked:
        return []
    bare = Side(
        name=BARE,
        commands=[[shapes.bare, "-c", "pass"]],
        environ={**asked[0].environ(home), "LAMINA_INDEX": "0"},
        directory=home,
    )
    turns = max(rounds, LEAST_SHORT_ROUNDS)
    found = _compared("python -c pass, local disk", asked, "pass", turns, home, bare)
    lines = _lines(found, digits=2)
    if OURS in found.seconds:
        more = (found.median(OURS) - found.median(BARE)) * 1000
        lines.append(Promise(text=f"within 3 ms of {BARE}", measured=more, most=3).line())
    return lines


def _compared(
    title: str, sides: Sequence[Start], statement: str, rounds: int, home: Path, *others: Side
) -> Comparison:
    timed = [
        Side(
            name=side.name,
            commands=[[side.python, "-c", statement]],
            environ=side.environ(home),
            directory=home,
        )
        for side in sides
    ]
    return compare(title, [*timed, *others], rounds=rounds, reference=sides[0].name)


def _lines(found: Comparison, *, digits: int) -> list[str]:
    title, *_ = found.lines()
    reference = found.median(found.reference)
    rows = [
        [
            side,
            *(f"{value * 1000:.{digits}f}" for value in (found.median(side), min(many), max(many))),
            f"{(found.median(side) - reference) * 1000:+.{digits}f}",
            f"{found.ratio(side):.3f}",
        ]
        for side, many in found.seconds.items()
    ]
    return [title, *table(["side", "ms", "least", "most", "more", "ratio"], rows)]


def memory(shapes: Shapes, sides: Sequence[Start], *, home: Path) -> list[str]:
    """Return what each of several processes that have imported everything keeps, in MiB."""
    rows = []
    for side in sides:
        measured = _waiting(side, shapes.statement, home)
        middle = {
            name: statistics.median(one[name] for one in measured) / 1024
            for name in ("Rss", "Pss", "Private_Dirty")
        }
        rows.append([side.name, *(f"{value:.1f}" for value in middle.values())])
    heads = ["side", "RSS", "PSS", "private, dirty"]
    return [f"memory of one of {PROCESSES} processes, MiB", *table(heads, rows)]


def _waiting(side: Start, statement: str, home: Path) -> list[Mapping[str, int]]:
    """Start the processes, look at each when all have imported, and let them end."""
    statement = f"{statement}\nprint('ready', flush=True)\ninput()"
    with contextlib.ExitStack() as running:
        processes = [
            running.enter_context(
                subprocess.Popen(
                    [side.python, "-c", statement],
                    env=side.environ(home),
                    cwd=home,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            for _ in range(PROCESSES)
        ]
        for process in processes:
            assert process.stdout is not None
            while process.stdout.readline() not in {"ready\n", ""}:
                pass
        measured = [_kept_by(process.pid) for process in processes]
        for process in processes:
            process.communicate("\n")
    return measured


def _kept_by(pid: int) -> Mapping[str, int]:
    """Return what the kernel says of a process' memory, in KiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return {name: int(size) for name, size in re.findall(r"(?m)^(\w+): +(\d+) kB", text)}
