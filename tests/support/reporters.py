"""What library code reports while a test listens."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lamina.core import report

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Warnings(report.SilentReporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, message: str) -> None:
        self.said.append(message)


@contextmanager
def kept_warnings() -> Iterator[list[str]]:
    """Keep what the enclosed code tells the user to act on."""
    listener = _Warnings()
    with report.use(listener):
        yield listener.said
