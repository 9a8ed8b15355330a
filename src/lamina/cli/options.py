"""Options that are spelt alike in every command, and the reporter they choose."""

from __future__ import annotations

import functools
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, TypeVar

import click

from lamina.core import report
from lamina.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from lamina.release.root import Root

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How a command talks: its result goes to standard output, all else to standard error."""

    as_json: bool
    quiet: bool
    verbose: bool

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Show the progress of the enclosed code, unless told to be quiet."""
        from lamina.cli.progress import reporter_for

        reporter = reporter_for(environ=environment(), quiet=self.quiet, verbose=self.verbose)
        with report.use(reporter):
            yield

    def result(self, text: str, value: Any) -> None:
        """Print the result: ``value`` as one JSON object with --json, otherwise ``text``."""
        if self.as_json:
            text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
        try:
            if text:
                click.echo(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise StorageError(
                f"the work is done, but standard output cannot be written to: {error.strerror}"
            ) from error


def output_options(command: Callable[Concatenate[Output, ...], R]) -> Callable[..., R]:
    """Add --json, --quiet and --verbose; the command gets them as its first argument."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
    @click.option("-q", "--quiet", is_flag=True, help="Show results and errors only.")
    @click.option("-v", "--verbose", is_flag=True, help="Show more on the way.")
    @functools.wraps(command)
    def wrapped(*args: Any, as_json: bool, quiet: bool, verbose: bool, **kwargs: Any) -> R:
        output = Output(as_json=as_json, quiet=quiet, verbose=verbose)
        with output.reporting():
            return command(output, *args, **kwargs)

    return wrapped


def default_root() -> Path:
    """Return where releases live when no --root is given."""
    import platformdirs

    return Path(platformdirs.user_data_dir("lamina"))


def root_path(text: str) -> Path:
    """Return the directory that a person names; raises UsageError."""
    if text.startswith("cvmfs:"):
        from lamina.engines.cvmfs import path_of

        return path_of(text, environment())
    return Path(text)


class _RootPath(click.Path):
    """A directory, or ``cvmfs:REPOSITORY/PATH`` for one in CVMFS."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path."""
        given = root_path(value) if isinstance(value, str) else value
        return super().convert(given, param, ctx)


def _root_option(*names: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    return click.option(
        *names,
        "root",
        type=_RootPath(path_type=Path, file_okay=False),
        envvar="LAMINA_ROOT",
        help="Directory that holds releases, or cvmfs:REPOSITORY/PATH "
        "[env: LAMINA_ROOT; default: the user's data directory].",
        default=default_root,
        show_default=False,
    )


root_option = _root_option("--root")
target_root_option = _root_option("--root", "--to")
"""The same where it is written to by the name of what is done: publish --to."""
stack_option = click.option(
    "--stack",
    "stack_path",
    type=click.Path(path_type=Path, exists=False),
    default=None,
    help="The lamina.toml, or its directory [default: here or above].",
)
on_option = click.option(
    "--on",
    "on",
    metavar="WORKERS",
    default="local",
    show_default=True,
    help="Who builds from source: local or local:N, dask://HOST:PORT, slurm or slurm:N, quoted "
    "with options of sbatch; N: packages at once.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print what would be done, and do nothing."
)
probe_option = click.option(
    "--probe/--no-probe",
    default=True,
    help="Import what the change could break before it is made; on by default.",
)


signers_option = click.option(
    "--signers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The signature has to be by one of these: a list as in ssh-keygen(1), ALLOWED SIGNERS.",
)


def stack_file(stack_path: Path | None) -> Path:
    """Return the lamina.toml that a command works on."""
    from lamina.stack.files import STACK_NAME, find_stack

    if stack_path is None:
        return find_stack(Path.cwd())
    return stack_path / STACK_NAME if stack_path.is_dir() else stack_path


def given_options(parameters: Collection[str]) -> dict[str, str]:
    """Return the options that were typed for some parameters: parameter -> option."""
    typed = click.core.ParameterSource.COMMANDLINE
    context = click.get_current_context()
    return {
        one.name: one.opts[-1]
        for one in context.command.params
        if one.name in parameters and context.get_parameter_source(one.name) is typed
    }


def writable_root(root: Path) -> Root:
    """Return a root that is there, as one to change; raises what ``open_root`` raises."""
    from datetime import UTC, datetime

    from lamina.release.cvmfs import backend_of
    from lamina.release.root import open_root

    return open_root(root, backend=backend_of(root, environment(), datetime.now(UTC)))


def environment() -> dict[str, str]:
    """Return the environment of this run; the one place that reads it."""
    return dict(os.environ)


def fresh_log(log: Path) -> Path:
    """Return where a command writes what its programs say, without what an earlier run said."""
    from lamina.core import fs

    fs.make_directory(log.parent)
    fs.remove_file(log)
    return log
