"""``lamina check`` of a large closed stack against ``uv pip check`` of what was installed from it.

Ours needs no installation: it reads the lock and the metadata that it has kept. The other reads an
installed prefix, as ``lamina check --prefix`` does too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import uv

from benchmarks.publish import lock_for_uv
from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.stack.files import STACK_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.lock.document import Lock

LAMINA = (sys.executable, "-m", "lamina")


def closed_text(text: str, lock: Lock) -> str:
    """Return a stack that lists every package of its lock, at its version, and is closed."""
    head = text.partition("[packages]")[0]
    head = re.sub(r"(?m)^\[resolve\]$", "[resolve]\nclosed = true", head)
    lines = [
        f'{one.name} = {{ version = "=={one.version}", prerelease = true }}'
        for one in lock.packages
    ]
    return "\n".join([f"{head}[packages]", *lines, ""])


def close_stack(stack: Path, work: Path) -> Path:
    """Return a directory with the closed form of a stack, and its lock."""
    text = (stack / STACK_NAME).read_text(encoding="utf-8")
    for name in ("open", "closed"):
        fs.make_directory(work / name)
        fs.write_text(work / name / STACK_NAME, text)
        subprocess.run([*LAMINA, "lock", "--stack", work / name, "--quiet"], check=True)
        text = closed_text(text, load_lock(work / name / LOCK_NAME))
    return work / "closed"


def run(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure the checks of one stack, all of which find nothing."""
    closed = close_stack(stack, work)
    python, listing = lock_for_uv(closed)
    venv, program = work / "venv", uv.find_uv_bin()
    subprocess.run(
        [program, "venv", venv, "--python", python, "--no-config", "--quiet"], check=True
    )
    subprocess.run(
        [
            *(program, "pip", "sync", listing, "--python", venv / "bin/python"),
            *("--preview-features", "pylock", "--no-config", "--quiet"),
        ],
        check=True,
    )
    check: list[str | Path] = [*LAMINA, "check", "--stack", closed, "--quiet"]
    sides = [
        Side(name="lamina check (lock)", commands=[check]),
        Side(name="lamina check --prefix", commands=[[*check, "--prefix", venv]]),
        Side(name="lamina --help", commands=[[*LAMINA, "--help"]]),
        Side(
            name="uv pip check",
            commands=[[program, "pip", "check", "--python", venv / "bin/python", "--no-config"]],
        ),
    ]
    count = len(load_lock(closed / LOCK_NAME).packages)
    try:
        title = f"check {stack.name}, closed, {count} packages"
        return compare(title, sides, rounds=rounds, reference="uv pip check")
    finally:
        fs.remove_tree(work)
