"""A cluster without workers: said at once, said again each minute, and given up in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import LaminaError

if TYPE_CHECKING:
    from collections.abc import Sequence

_AGAIN_SECONDS = 60.0


@dataclass(kw_only=True)
class Absence:
    """How long a cluster has had no workers; one thread at a time may use it."""

    cluster: str
    """How messages call it."""
    patience: float
    """For how many seconds it may have none."""
    hints: Sequence[str]
    """How to start a worker."""
    _since: float | None = None
    _said: float = 0.0

    def saw(self, workers: int, now: float) -> None:
        """Take in how many workers there are at a time, in seconds of any clock.

        Raises LaminaError after too long without any.
        """
        if workers:
            if self._since is not None:
                report.note(f"{self.cluster} has workers again")
            self._since = None
            return
        if self._since is None:
            self._since = self._said = now
            report.warn(
                f"{self.cluster} has no workers left; builds wait for one to join, "
                f"for {_words(self.patience)} at most"
            )
        away = now - self._since
        if away >= self.patience:
            raise LaminaError(
                f"{self.cluster} has had no workers for {_words(away)}", hints=self.hints
            )
        if now - self._said >= _AGAIN_SECONDS:
            self._said = now
            report.warn(f"{self.cluster} still has no workers, for {_words(away)} now")


def _words(seconds: float) -> str:
    return (
        report.counted(int(seconds), "second") if seconds < 120 else f"{seconds / 60:.0f} minutes"
    )
