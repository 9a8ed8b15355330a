"""Examples published with an interpreter of their own, and exported in little memory."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.memory import measured

from lamina.core import fs
from support.command_line import CommandLine
from support.packs import run

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parents[2] / "examples"
MEMORY = 300_000_000
"""Bytes, of a command and all that it starts."""


def publish_example(top: Path, name: str, python: Path) -> Path:
    """Return a root with an example, its interpreter in it."""
    shutil.copytree(EXAMPLES / name, top / "stack")
    stack = top / "stack" / "lamina.toml"
    stack.write_text(stack.read_text().replace("[stack]\n", "[stack]\nbundle = true\n", 1))
    command_line = CommandLine(directory=top, environ=dict(os.environ))
    command_line("lock", "--stack", top / "stack")
    command_line(
        *("publish", "--stack", top / "stack", "--root", top / "root", "--no-test"),
        *("--python", python),
    )
    return top / "root"


def export(*words: str | Path) -> None:
    """Export in a process of its own, which stays below the limit."""
    environ = os.environ | {"SOURCE_DATE_EPOCH": "1790000000"}
    used = measured(sys.executable, "-m", "lamina", "export", *words, environ=environ)
    assert used.code == 0, used.said
    assert used.peak < MEMORY, used.peak


def verified(prefix: Path, works: Callable[[Path], None]) -> None:
    """Check every file of what was unpacked or imported, and use it; then it goes."""
    command_line = CommandLine(directory=prefix.parent, environ=dict(os.environ))
    assert "files" in command_line("release", "verify", prefix).stdout
    works(prefix)
    fs.remove_tree(prefix)


def imported(source: Path, works: Callable[[Path], None]) -> None:
    """Import an archive into another root, and use it there."""
    root = source.parent / "root"
    command_line = CommandLine(directory=source.parent, environ=dict(os.environ))
    command_line("import", source, "--root", root)
    [prefix] = root.glob("releases/*/*/*")
    verified(prefix, works)
    fs.remove_tree(root)


def printed(prefix: Path, code: str) -> list[str]:
    """Return the words that code prints where nothing is set up, but for warnings."""
    return run(prefix / "bin" / "python", "-W", "ignore", "-c", code).split()
