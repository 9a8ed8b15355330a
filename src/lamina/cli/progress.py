"""How progress looks: one live line on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lamina.core.report import Reporter


class PlainReporter:
    """Writes a line when a step ends."""

    def __init__(self, *, verbose: bool = False) -> None:
        self.verbose = verbose

    def step_started(self, title: str, total: int | None) -> None:  # noqa: ARG002
        """Write the title in verbose mode."""
        if self.verbose:
            click.echo(f"{title} ...", err=True)

    def step_advanced(self, title: str, done: int) -> None:
        """Write nothing: lines would flood a log."""

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        """Write the outcome."""
        mark = click.style("failed", fg="red") if outcome == "failed" else outcome
        click.echo(f"{title}: {mark} ({seconds:.1f} s)", err=True)

    def note(self, message: str) -> None:
        """Write the note."""
        click.echo(f"note: {message}", err=True)

    def warn(self, message: str) -> None:
        """Write the warning."""
        click.echo(f"{click.style('warning', fg='yellow')}: {message}", err=True)


class TerminalReporter(PlainReporter):
    """Shows the step under way on one line that is replaced when it ends."""

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__(verbose=verbose)
        self._total: int | None = None

    def step_started(self, title: str, total: int | None) -> None:
        """Show the title."""
        self._total = total
        self._draw(f"{title} ...")

    def step_advanced(self, title: str, done: int) -> None:
        """Show how far the step is."""
        self._draw(f"{title} {done}/{self._total}" if self._total else f"{title} {done}")

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        """Replace the line by the outcome."""
        self._draw("")
        super().step_finished(title, outcome, seconds)

    def _draw(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()


class ErrorsOnly(PlainReporter):
    """Writes warnings and nothing else."""

    def step_started(self, title: str, total: int | None) -> None:
        """Write nothing."""

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        """Write nothing."""

    def note(self, message: str) -> None:
        """Write nothing."""


def reporter_for(*, quiet: bool, verbose: bool) -> Reporter:
    """Return the reporter that suits the terminal and the options."""
    if quiet:
        return ErrorsOnly()
    return (
        TerminalReporter(verbose=verbose) if sys.stderr.isatty() else PlainReporter(verbose=verbose)
    )
