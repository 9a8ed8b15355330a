"""``lamina channel list|broken``: what solvers see of a channel, and what they do not."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import click

from lamina.cli.channel import channel_argument, print_indexed
from lamina.cli.options import output_options

if TYPE_CHECKING:
    from pathlib import Path

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
    from lamina.channel.broken import mark_broken, unmark_broken
    from lamina.channel.index import index_channel

    if undo:
        unmark_broken(channel, packages)
    else:
        mark_broken(channel, packages, why)
    print_indexed(output, channel, index_channel(channel))
