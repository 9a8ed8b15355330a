"""The next release of a stack against the first one, a copy of it, and uv from scratch.

Two locks of one stack, as they were on two days. The next release is published into a root that
has the release of the first day; the first one is the same lock in an empty root. Next to the
times, what each side has put on the disk: the blocks of files that nothing else has.
"""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from benchmarks.operations import LAMINA, stack_of
from benchmarks.operations import publish as published
from benchmarks.publish import uv_from_scratch
from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs

if TYPE_CHECKING:
    from pathlib import Path

DAYS = ("2026-10-18", "2026-11-01")
"""Of two months, which are their versions."""


def run(stack: Path, work: Path, rounds: int, *, days: tuple[str, str] = DAYS) -> Comparison:
    """Measure for the stack in a directory, locked as of two days."""
    old, new = (stack_of(stack, work, day) for day in days)
    root, alone, copy, venv = (work / name for name in ("root", "alone", "copy", "venv"))
    publish = (*LAMINA, "publish", "--no-test", "--quiet")
    before = published(old, root)
    sides = [
        Side(
            name="the next release",
            commands=[[*publish, "--stack", new, "--root", root]],
            prepare=lambda: _remove_but(root, before),
        ),
        Side(
            name="the first release",
            commands=[[*publish, "--stack", new, "--root", alone]],
            prepare=lambda: fs.remove_tree(alone),
        ),
        Side(
            name="cp -a of a release",
            commands=[["cp", "-a", before, copy], ["sync"]],
            prepare=lambda: fs.remove_tree(copy),
        ),
        uv_from_scratch(new, venv),
    ]
    title = f"next release of {stack.name}, {days[0]} to {days[1]}"
    found = compare(title, sides, rounds=rounds, reference="the first release")
    [first] = alone.glob("releases/*/*/*")
    made = {
        "the next release": root / first.relative_to(alone),
        "the first release": first,
        "cp -a of a release": copy,
        "uv and compileall": venv,
    }
    return dataclasses.replace(found, sizes={name: _own(path) for name, path in made.items()})


def _remove_but(root: Path, kept: Path) -> None:
    for prefix in root.glob("releases/*/*/*"):
        if prefix != kept:
            fs.remove_tree(prefix.parent)


def _own(environment: Path) -> tuple[int, int]:
    """Return how many distributions an environment has, and the bytes of what only it has."""
    distributions = len(list(environment.glob("lib/python*/site-packages/*.dist-info")))
    size = 0
    for top, _, names in os.walk(environment):
        for name in names:
            status = os.lstat(f"{top}/{name}")
            size += status.st_blocks * 512 if status.st_nlink == 1 else 0
    return distributions, size
