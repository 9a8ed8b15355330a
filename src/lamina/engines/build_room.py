"""Where a build runs: it writes to its own directory only and reaches no network, where it can.

Nothing of it outlives lamina, nor the program that started it.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lamina.core.errors import LaminaError
from lamina.core.run import Completed, base_environment, run

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENTER = Path(__file__).parents[1] / "_target" / "enter.py"

_KEPT = 1 << 20
"""Bytes of what a program writes that are looked at; the log has all."""
Walls = Literal["all", "writes", "none"]
"""What a build is kept from: writing elsewhere and the network, writing elsewhere, nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRoom:
    """The directory of one build, and how programs run in it."""

    work: Path
    """All that they may write to."""
    walls: Walls
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    """Their whole environment."""
    until: float | None = None
    """When they are ended, by the monotonic clock, in seconds."""

    def run(self, *argv: str | Path, cwd: Path, also: Path | None = None, **more: str) -> Completed:
        """Run a program, with further variables; ``also``: a directory that it may write to.

        Raises CommandFailedError with what it wrote, TookTooLongError, LaminaError where it is not
        there.
        """
        words: list[str | Path] = [*self._entering(also), *argv]
        env = {**self.variables, **more}
        timeout = None if self.until is None else max(0.0, self.until - time.monotonic())
        return run(words, env=env, cwd=cwd, log=self.log, kept=_KEPT, timeout=timeout)

    def but(self, **more: str) -> BuildRoom:
        """Return it with further variables."""
        return replace(self, variables={**self.variables, **more})

    def _entering(self, also: Path | None) -> list[str | Path]:
        if sys.platform != "linux":
            return []
        writable = [self.work, *([also] if also else [])]
        return [*enter(self.walls), *writable, "--"]


def enter(view: Walls | Literal["prefix"]) -> list[str | Path]:
    """Return the words that run a program, with all that it starts, no longer than we run.

    After them come the directories of the view, as ``_target/enter.py`` has it, ``--`` and the
    program.
    """
    return [sys.executable, "-I", "-S", _ENTER, view, str(os.getpid())]


def walls_here(environ: Mapping[str, str], *, network: bool, directory: Path) -> Walls:
    """Return what builds can be kept from on this machine; ``network``: they may reach it."""
    if sys.platform != "linux":
        return "none"
    wanted: Walls = "writes" if network else "all"
    command = [*enter(wanted), directory, "--", "/bin/sh", "-c", ":"]
    try:
        answer = run(command, env=base_environment(environ), check=False)
    except LaminaError:
        return "none"
    return wanted if answer.returncode == 0 else "none"
