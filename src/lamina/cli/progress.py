"""How progress looks: one live line on a terminal, plain lines otherwise."""

from __future__ import annotations

import contextlib
import shutil
import sys
from typing import TYPE_CHECKING

import click

from lamina.cli.style import is_dumb, printable, styled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.core.report import Reporter


class PlainReporter:
    """Writes a line when a step ends."""

    def __init__(self, *, environ: Mapping[str, str], verbose: bool = False) -> None:
        self.environ = environ
        self.verbose = verbose

    def step_started(self, title: str, total: int | None) -> None:  # noqa: ARG002
        """Write the title in verbose mode."""
        if self.verbose:
            self._line(f"{title} ...")

    def step_advanced(self, title: str, done: int) -> None:
        """Write nothing: lines would flood a log."""

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        """Write the outcome."""
        mark = styled("failed", "red", environ=self.environ) if outcome == "failed" else outcome
        self._line(f"{title}: {mark} ({seconds:.1f} s)")

    def note(self, message: str) -> None:
        """Write the note."""
        self._line(f"note: {printable(message)}")

    def warn(self, message: str) -> None:
        """Write the warning."""
        self._line(f"{styled('warning', 'yellow', environ=self.environ)}: {printable(message)}")

    def _line(self, text: str) -> None:
        # Work does not fail because nobody can be told of it.
        with contextlib.suppress(OSError):
            click.echo(text, err=True)


class TerminalReporter(PlainReporter):
    """Shows the innermost step under way on a live line below all that was written."""

    def __init__(self, *, environ: Mapping[str, str], verbose: bool = False) -> None:
        super().__init__(environ=environ, verbose=verbose)
        self._running: list[tuple[str, int | None, int]] = []

    def step_started(self, title: str, total: int | None) -> None:
        """Show the title."""
        self._running.append((title, total, 0))
        self._draw()

    def step_advanced(self, title: str, done: int) -> None:
        """Show how far the step is."""
        self._running = [
            (name, total, done if name == title else before)
            for name, total, before in self._running
        ]
        self._draw()

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        """Replace the line by the outcome."""
        self._running = [one for one in self._running if one[0] != title]
        super().step_finished(title, outcome, seconds)

    def _line(self, text: str) -> None:
        """Write above the live line."""
        with contextlib.suppress(OSError):
            sys.stderr.write("\r\x1b[2K")
        super()._line(text)
        self._draw()

    def _draw(self) -> None:
        text = ""
        if self._running:
            title, total, done = self._running[-1]
            count = f"{done}/{total}" if total else str(done or "...")
            text = f"{title} {count}"
        width = shutil.get_terminal_size().columns - 1
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r\x1b[2K{text[:width]}")
            sys.stderr.flush()


class ErrorsOnly(PlainReporter):
    """Writes warnings and nothing else."""

    def step_started(self, title: str, total: int | None) -> None:
        """Write nothing."""

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        """Write nothing."""

    def note(self, message: str) -> None:
        """Write nothing."""


def reporter_for(*, environ: Mapping[str, str], quiet: bool, verbose: bool) -> Reporter:
    """Return the reporter that suits the terminal and the options."""
    if quiet:
        return ErrorsOnly(environ=environ)
    kind = TerminalReporter if sys.stderr.isatty() and not is_dumb(environ) else PlainReporter
    return kind(environ=environ, verbose=verbose)
