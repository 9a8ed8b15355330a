"""Where a build runs: it writes to its own directory only and reaches no network, where it can."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lamina.core.errors import LaminaError
from lamina.core.run import Completed, base_environment, run

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENTER = Path(__file__).parents[1] / "_target" / "enter_build.py"

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

    def run(self, *argv: str | Path, cwd: Path, also: Path | None = None, **more: str) -> Completed:
        """Run a program, with further variables; ``also``: a directory that it may write to.

        Raises CommandFailedError with what it wrote, LaminaError where it is not there.
        """
        words: list[str | Path] = [*self._entering(also), *argv]
        return run(words, env={**self.variables, **more}, cwd=cwd, log=self.log)

    def but(self, **more: str) -> BuildRoom:
        """Return it with further variables."""
        return replace(self, variables={**self.variables, **more})

    def _entering(self, also: Path | None) -> list[str | Path]:
        if self.walls == "none":
            return []
        network = "none" if self.walls == "all" else "open"
        writable = [self.work, *([also] if also else [])]
        words: list[str | Path] = [sys.executable, "-I", "-S", _ENTER, network]
        return [*words, *writable, "--"]


def walls_here(environ: Mapping[str, str], *, network: bool, directory: Path) -> Walls:
    """Return what builds can be kept from on this machine; ``network``: they may reach it."""
    if sys.platform != "linux":
        return "none"
    word = "open" if network else "none"
    command: list[str | Path] = [sys.executable, "-I", "-S", _ENTER, word, directory, "--", "true"]
    try:
        answer = run(command, env=base_environment(environ), check=False)
    except LaminaError:
        return "none"
    if answer.returncode != 0:
        return "none"
    return "writes" if network else "all"
