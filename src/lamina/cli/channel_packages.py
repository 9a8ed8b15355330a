"""``lamina channel list|broken``: what solvers see of a channel, and what they do not."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.channel import channel_argument, print_indexed
from lamina.cli.options import output_options

if TYPE_CHECKING:
    from lamina.cli.options import Output


@click.command("list")
@channel_argument
@click.option(
    "--at", "day", metavar="DAY", help="As it was at the end of this day, by build times."
)
@click.option("--raw", is_flag=True, help="What the packages say, without patches.")
@output_options
def list_packages(output: Output, *, channel: Path, day: str | None, raw: bool) -> None:
    """List the packages of the channel in DIR; with --json, as repodata."""
    from lamina.channel.directory import subdirs
    from lamina.channel.repodata import load_repodata

    told = [load_repodata(channel, subdir, raw=raw) for subdir in subdirs(channel)]
    if day is not None:
        told = [one.at(_end_of(day)) for one in told]
    lines = [f"{one.subdir}/{name}" for one in told for name in sorted(one.records)]
    output.result("\n".join(lines), {one.subdir: one.document() for one in told})


def _end_of(day: str) -> datetime:
    """Return the last moment of a day, or the moment itself where one is given; in UTC."""
    from lamina.core.errors import UsageError

    try:
        moment = datetime.fromisoformat(day)
    except ValueError:
        raise UsageError(
            f"--at {day!r}: not a day or time", hints=["write it as 2026-03-31"]
        ) from None
    if len(day) <= len("2026-03-31"):
        moment = datetime.combine(moment.date(), time.max)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command()
@channel_argument
@click.argument("packages", metavar="PACKAGE...", nargs=-1, required=True)
@click.option("--why", default="", metavar="TEXT", help="Why, for who reads broken.txt.")
@click.option("--undo", is_flag=True, help="They are not broken after all.")
@output_options
def broken(
    output: Output, *, channel: Path, packages: tuple[str, ...], why: str, undo: bool
) -> None:
    """Hide packages, given as FILE or SUBDIR/FILE, from all solves.

    They stay where they are: who has them in a lock can install them.
    """
    from lamina.channel.index import mark_packages

    indexed = mark_packages(channel, packages, why=why, broken=not undo)
    print_indexed(output, channel, indexed)


@click.command()
@click.argument("distributions", metavar="[DISTRIBUTION]...", nargs=-1)
@click.option(
    "--update",
    "source",
    metavar="FROM",
    type=click.Path(path_type=Path, exists=True),
    help="Take names from a channel's packages, or a JSON of conda package -> distribution.",
)
@click.option(
    "--file",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The table [default: lamina's own].",
)
@output_options
def names(
    output: Output, *, distributions: tuple[str, ...], source: Path | None, path: Path | None
) -> None:
    """Say what distributions are called as conda packages, or where that is not the same name.

    The table serves to make packages of wheels. What a lock says that conda packages provide is
    read from the packages themselves.
    """
    from lamina.channel.distributions import merge_names, names_from, save_names
    from lamina.press.names import NAMES_FILE, conda_name, names_of

    file = path or NAMES_FILE
    known = names_of(file) if file.exists() else {}
    if source is not None:
        known = merge_names(known, names_from(source))
        save_names(known, file)
    shown = {one: conda_name(one, known) for one in distributions} if distributions else known
    lines = [f"{one} {name}" for one, name in shown.items()]
    output.result("\n".join(lines), {"file": str(file), "names": shown})
