"""Run programs in a staged tree as if it were at its final place already."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core.errors import LaminaError
from lamina.core.run import base_environment, run
from lamina.engines.build_room import enter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MountNamespace:
    """A private view of the file system in which ``stage`` is seen, read-only, at ``final``."""

    stage: Path
    final: Path
    """An empty directory, or none yet."""
    hidden: Path
    """A directory that is empty in this view: the one that ``stage`` is in."""
    kept: tuple[Path, ...] = ()
    """Directories that are read-only in this view."""

    def command(self, *argv: str | Path) -> list[str | Path]:
        """Return what to run so that ``argv`` runs in this view, as the same user.

        Whatever it starts ends with it, also what made itself a session of its own.
        """
        view = (self.stage, self.final, self.hidden, *self.kept)
        return [*enter("prefix"), *view, "--", *argv]

    def available(self, environ: Mapping[str, str]) -> bool:
        """Tell whether this machine lets its user make such a view."""
        if sys.platform != "linux":
            return False
        try:
            answer = run(self.command("true"), env=base_environment(environ), check=False)
        except LaminaError:
            return False
        return answer.returncode == 0
