"""Semantic progress events: library code says what happens, the command line how it looks."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class Reporter(Protocol):
    """Receives the events of a run."""

    def step_started(self, title: str, total: int | None) -> None:
        """Announce work of ``total`` units, None where the amount is unknown."""

    def step_advanced(self, title: str, done: int) -> None:
        """Tell how many units of the step are done so far."""

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        """Close a step with a few words on what came out."""

    def note(self, message: str) -> None:
        """Pass on something worth knowing that asks for nothing."""

    def warn(self, message: str) -> None:
        """Pass on something the user should act on."""


class SilentReporter:
    """Drops every event; the default outside the command line."""

    def step_started(self, title: str, total: int | None) -> None:
        """Ignore the start."""

    def step_advanced(self, title: str, done: int) -> None:
        """Ignore the advance."""

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        """Ignore the end."""

    def note(self, message: str) -> None:
        """Ignore the note."""

    def warn(self, message: str) -> None:
        """Ignore the warning."""


_reporter: ContextVar[Reporter] = ContextVar("lamina_reporter", default=SilentReporter())  # noqa: B039


class Step:
    """A step that is under way."""

    def __init__(self, title: str, reporter: Reporter) -> None:
        self.title = title
        self.outcome = "done"
        self._reporter = reporter
        self._done = 0
        self._lock = threading.Lock()

    def advance(self, units: int = 1) -> None:
        """Add finished units; may be called from any thread."""
        with self._lock:
            self._done += units
            self._reporter.step_advanced(self.title, self._done)


@contextmanager
def use(reporter: Reporter) -> Iterator[None]:
    """Send the events of the enclosed code to ``reporter``."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


@contextmanager
def step(title: str, *, total: int | None = None) -> Iterator[Step]:
    """Report the enclosed code as one step; set ``outcome`` on the step it yields."""
    reporter = _reporter.get()
    reporter.step_started(title, total)
    current = Step(title, reporter)
    start = time.monotonic()
    try:
        yield current
    except BaseException:
        reporter.step_finished(title, "failed", time.monotonic() - start)
        raise
    reporter.step_finished(title, current.outcome, time.monotonic() - start)


def note(message: str) -> None:
    """Report something worth knowing."""
    _reporter.get().note(message)


def warn(message: str) -> None:
    """Report something the user should act on."""
    _reporter.get().warn(message)
