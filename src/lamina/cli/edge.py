"""The edge of the program: every error becomes a message, hints and an exit code here."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from lamina.cli.options import environment
from lamina.cli.style import printable, styled
from lamina.core import fs
from lamina.core.errors import InterruptedByUserError, LaminaError, UsageError
from lamina.core.run import stop_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


_FORESEEN = (LaminaError, click.ClickException, click.Abort, KeyboardInterrupt)


def guarded(command: click.Command, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0, or the code of the error it ended with."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.exit(exit_code_of(command, arguments))


def end_with(command: click.Command) -> NoReturn:
    """Do the same as the last thing of the process."""
    try:
        guarded(command)
    except SystemExit as ended:
        if engine := sys.modules.get("lamina.engines.conda_boundary"):
            engine.leave(ended.code)
        raise


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    """End what other threads wait for as well, then unwind, so that everything is cleaned up."""
    stop_all()
    raise KeyboardInterrupt


def exit_code_of(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command, write what went wrong to standard error, return the exit code."""
    try:
        # Click returns the code of --help and --version, and exits by itself with 1 when the
        # reader of our output went away.
        outcome = command.main(args=arguments, prog_name="lamina", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return UsageError.exit_code
    except (Exception, KeyboardInterrupt) as error:  # the edge
        if environment().get("LAMINA_TRACEBACK") and not isinstance(error, _FORESEEN):
            raise
        return _fail(_as_ours(error))
    return outcome if isinstance(outcome, int) else 0


def _as_ours(error: BaseException) -> LaminaError:
    """Return any error as one of ours."""
    match error:
        case LaminaError():
            return error
        case click.ClickException():
            context = error.ctx if isinstance(error, click.UsageError) else None
            hints = [f"{context.command_path} --help"] if context else []
            return UsageError(error.format_message(), hints=hints)
        case click.Abort() | KeyboardInterrupt():
            return InterruptedByUserError("interrupted; nothing half-done was left in place")
        case OSError(filename=str() | bytes() as name):
            return fs.storage_error(error, Path(os.fsdecode(name)))
        case OSError():
            return LaminaError(error.strerror or str(error))
        case _:
            return LaminaError(
                f"internal error: {type(error).__name__}: {error}",
                hints=["run it again with LAMINA_TRACEBACK=1 and report what it prints"],
            )


def _fail(error: LaminaError) -> int:
    environ = environment()
    lines = [("error", "red", error.message), *(("hint", "cyan", hint) for hint in error.hints)]
    # A standard error that cannot be written to changes nothing of how it ended.
    with contextlib.suppress(OSError):
        for word, colour, text in lines:
            head = styled(word, colour, environ=environ, bold=True)
            click.echo(f"{head}: {printable(text)}", err=True)
    return error.exit_code
