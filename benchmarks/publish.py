"""``lamina publish`` of a lock against ``uv venv``, ``uv pip sync`` and compileall of the same.

Publishing copies, hashes and seals every file and flushes it to disk; the other side makes hard
links to uv's cache and does none of that. Tests are not run, as the other side has none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import uv

from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs
from lamina.engines.index_addresses import IndexAddresses, cache_directory
from lamina.engines.interpreters import MachineInterpreters
from lamina.engines.pylock import PylockSettings, dump_pylock
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.platforms import Target, current_platform
from lamina.resolve.project import index_addresses
from lamina.stack.files import STACK_NAME, load_stack

if TYPE_CHECKING:
    from pathlib import Path


def run(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure for the stack in a directory; it is locked first where it has no lock."""
    for file in (STACK_NAME, LOCK_NAME):
        if (stack / file).exists():
            shutil.copy(stack / file, work)
    lamina = [sys.executable, "-m", "lamina"]
    subprocess.run([*lamina, "lock", "--stack", work, "--quiet"], check=True)
    root, venv = work / "root", work / "venv"
    sides = [
        Side(
            name="lamina publish",
            commands=[
                [*lamina, "publish", "--stack", work, "--root", root, "--no-test", "--quiet"]
            ],
            prepare=lambda: fs.remove_tree(root),
        ),
        uv_from_scratch(work, venv),
    ]
    title = f"publish {stack.name}"
    return compare(title, sides, rounds=rounds, reference="uv and compileall", promise=1.5)


def uv_from_scratch(locked: Path, venv: Path) -> Side:
    """Return what makes and compiles an environment of a locked stack without lamina."""
    python, listing = lock_for_uv(locked)
    uv_bin = uv.find_uv_bin()
    return Side(
        name="uv and compileall",
        commands=[
            [uv_bin, "venv", venv, "--python", python, "--no-project", "--no-config"],
            [
                *(uv_bin, "pip", "sync", listing, "--python", venv / "bin/python"),
                *("--preview-features", "pylock", "--no-config"),
            ],
            [venv / "bin/python", "-m", "compileall", "-q", "-j", "0", venv / "lib"],
        ],
        prepare=lambda: fs.remove_tree(venv),
        forgiven=frozenset({1}),
    )


def lock_for_uv(work: Path) -> tuple[Path, Path]:
    """Return the interpreter that publish will take, and the lock as uv reads it."""
    environ = dict(os.environ)
    stack = load_stack(work / STACK_NAME)
    target = Target(current_platform(), max(stack.stack.python))
    artifacts = load_lock(work / LOCK_NAME).artifacts_for(target)
    indexes = index_addresses(stack, environ)
    locator = IndexAddresses(environ, indexes, cache_directory(environ))
    listing = work / "pylock.toml"
    text = dump_pylock(artifacts, locator.addresses(artifacts), PylockSettings(indexes=indexes))
    listing.write_text(text, encoding="utf-8")
    return MachineInterpreters(environ=environ).find(target.python), listing
