"""``lamina channel``: directories of conda packages, made, indexed and checked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.app import LazyGroup
from lamina.cli.options import environment, output_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.channel.index import IndexedSubdir
    from lamina.cli.options import Output
    from lamina.engines.interpreters import Interpreter

_HERE = "lamina.cli.channel"
_COMMANDS = {
    "bootstrap": (f"{_HERE}:bootstrap", "Make a channel of a Python and of wheels."),
    "add": (f"{_HERE}:add", "Put packages into a channel."),
    "remove": (f"{_HERE}:remove", "Take packages out of a channel."),
    "index": (f"{_HERE}:index", "Write what solvers read, from the packages."),
    "list": (f"{_HERE}_packages:list_packages", "List packages, as of today or another day."),
    "broken": (f"{_HERE}_packages:broken", "Hide packages from solves, and keep them."),
    "names": (f"{_HERE}_packages:names", "What distributions are called as conda packages."),
    "check": (f"{_HERE}:check", "Check every package and what solvers read."),
}
channel_argument = click.argument(
    "channel", metavar="DIR", type=click.Path(path_type=Path, file_okay=False)
)


@click.group(cls=LazyGroup, table=_COMMANDS)
def channel() -> None:
    """Directories of conda packages, made, indexed and checked."""


@click.command()
@channel_argument
@output_options
def index(output: Output, *, channel: Path) -> None:
    """Write the repodata of the channel in DIR: whole, compressed and in shards.

    Packages that are new or changed are checked first; when one is damaged, nothing is written.
    The patches in DIR/patches are applied to all forms.
    """
    from lamina.channel.index import index_channel

    print_indexed(output, channel, index_channel(channel))


@click.command()
@channel_argument
@click.argument(
    "files", metavar="PACKAGE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@output_options
def add(output: Output, *, channel: Path, files: tuple[Path, ...]) -> None:
    """Copy packages (.conda or .tar.bz2) into DIR, and index it.

    All of them are checked first. Another package of the same name is never replaced.
    """
    from lamina.channel.index import add_packages

    print_indexed(output, channel, add_packages(channel, files))


@click.command()
@channel_argument
@click.argument("packages", metavar="PACKAGE...", nargs=-1, required=True)
@output_options
def remove(output: Output, *, channel: Path, packages: tuple[str, ...]) -> None:
    """Remove packages, given as FILE or SUBDIR/FILE, from DIR for good, and index it."""
    from lamina.channel.index import remove_packages

    print_indexed(output, channel, remove_packages(channel, packages))


@click.command()
@channel_argument
@output_options
def check(output: Output, *, channel: Path) -> None:
    """Check hashes and members of every package in DIR, and the repodata; exit 6 if wrong."""
    from lamina.channel.check import check_channel
    from lamina.channel.index import count_archives
    from lamina.core.errors import IntegrityError

    findings = check_channel(channel)
    count = count_archives(channel)
    text = "\n".join(findings) or f"{channel}: {count} packages, all as they should be"
    output.result(text, {"packages": count, "findings": findings})
    if findings:
        raise IntegrityError(
            f"{channel}: {len(findings)} thing{'s' if len(findings) != 1 else ''} wrong",
            hints=[f"lamina channel index {channel}"],
        )


@click.command()
@channel_argument
@click.argument("requirements", metavar="[WHEEL_OR_REQUIREMENT]...", nargs=-1)
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The Python to make a package of [default: the one that runs lamina].",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="DISTRIBUTION=PACKAGE",
    help="Call the package of a distribution so; may be given again.",
)
@output_options
def bootstrap(
    output: Output,
    *,
    channel: Path,
    requirements: tuple[str, ...],
    python: Path | None,
    names: tuple[str, ...],
) -> None:
    """Make packages of a Python and of wheels with all that they need, in the channel DIR.

    The Python can be installed anywhere. Pure wheels become noarch packages, compiled ones are for
    this Python's series.
    """
    from datetime import UTC, datetime

    from lamina.channel import bootstrap as making
    from lamina.core.clock import source_date
    from lamina.engines.uv_program import UvProgram
    from lamina.press.names import read_names

    environ = environment()
    wanted = making.Bootstrap(
        interpreter=_interpreter(python, environ),
        requirements=[_local(one) for one in requirements],
        names=read_names(names),
        moment=source_date(environ) or datetime.now(UTC).replace(microsecond=0),
        uv=UvProgram(environ=environ),
    )
    made = making.bootstrap(channel, wanted)
    lines = [*made.packages, f"{channel}: {made.new} new"]
    output.result(
        "\n".join(lines),
        {
            "packages": list(made.packages),
            "new": made.new,
            "subdirs": [asdict(one) for one in made.indexed],
        },
    )


def _interpreter(path: Path | None, environ: dict[str, str]) -> Interpreter:
    """Return the interpreter to make a package of; raises MissingInterpreterError."""
    import sys

    from lamina.core.errors import MissingInterpreterError
    from lamina.engines.interpreters import inspect_interpreter

    found = inspect_interpreter(path or Path(sys.executable), environ)
    if found is None:
        raise MissingInterpreterError(f"{path}: not a CPython that runs here")
    return found


def _local(requirement: str) -> str:
    """Return a path as a whole one, so that it is never taken for a name."""
    return str(Path(requirement).resolve()) if requirement.endswith(".whl") else requirement


def print_indexed(output: Output, channel: Path, indexed: Sequence[IndexedSubdir]) -> None:
    """Print what became of a channel."""
    lines = []
    for one in indexed:
        text = f"{channel / one.subdir}: {one.packages} package{'s' if one.packages != 1 else ''}"
        text += f", {one.patched} patched" if one.patched else ""
        lines.append(text + (f", {one.broken} broken" if one.broken else ""))
    output.result("\n".join(lines), {"subdirs": [asdict(one) for one in indexed]})
