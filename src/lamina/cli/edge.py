"""The edge of the program: every error becomes a message, hints and an exit code here."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from lamina.core.errors import InterruptedByUserError, LaminaError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def guarded(command: click.Command, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0, or the code of the error it ended with."""
    sys.exit(exit_code_of(command, arguments))


def exit_code_of(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command, write what went wrong to standard error, return the exit code."""
    try:
        outcome = command.main(args=arguments, prog_name="lamina", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _fail(InterruptedByUserError("interrupted; nothing half-done was left in place"))
    except LaminaError as error:
        return _fail(error)
    except BrokenPipeError:
        # The reader of our output went away; keep the interpreter from flushing to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the edge
        if os.environ.get("LAMINA_TRACEBACK"):
            raise
        return _fail(
            LaminaError(
                f"internal error: {type(error).__name__}: {error}",
                hints=["run it again with LAMINA_TRACEBACK=1 and report what it prints"],
            )
        )
    return outcome if isinstance(outcome, int) else 0


def _fail(error: LaminaError) -> int:
    click.echo(f"{click.style('error', fg='red', bold=True)}: {error.message}", err=True)
    for hint in error.hints:
        click.echo(f"{click.style('hint', fg='cyan', bold=True)}: {hint}", err=True)
    return error.exit_code
