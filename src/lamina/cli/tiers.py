"""``lamina release promote|rollback|drop|retire|history``: which release people get."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lamina.cli.options import (
    dry_run_option,
    environment,
    output_options,
    root_option,
    writable_root,
)
from lamina.cli.release import find_release, own_root_of, parse_reference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lamina.cli.options import Output
    from lamina.model.names import StackName, TierName
    from lamina.release.history import Move
    from lamina.release.tiers import Change

_why_option = click.option("--why", default="", metavar="TEXT", help="Why, for the history.")


@click.command()
@click.argument("release", metavar="RELEASE")
@click.option("--tier", metavar="TIER", help="The tier to point to it.")
@click.option(
    "--links",
    metavar="TIER,TIER...",
    help="Several: the first is pointed to it, each other to what the one before had.",
)
@click.option("--new", is_flag=True, help="Make the tier where there is none of that name.")
@click.option(
    "--fewer-platforms",
    is_flag=True,
    help="Also when it is not there for every platform the tier has now.",
)
@_why_option
@dry_run_option
@root_option
@output_options
def promote(
    output: Output,
    *,
    release: str,
    tier: str | None,
    links: str | None,
    new: bool,
    fewer_platforms: bool,
    why: str,
    dry_run: bool,
    root: Path,
) -> None:
    """Point a tier to RELEASE, which readers see from one moment to the next.

    The tiers unstable, testing and stable can always be used, others after --new. DIRAC's pair is
    --links pro,old.
    """
    from lamina.core.errors import UsageError
    from lamina.release import tiers

    if (tier is None) == (links is None):
        raise UsageError("name the tier: --tier TIER, or several: --links TIER,TIER")
    names = _tier_names([tier] if tier is not None else str(links).split(","))
    found = find_release(release, root)
    moves = tiers.promote(
        writable_root(own_root_of(found)), found, names, _change(why, dry_run=dry_run),
        new=new, fewer_platforms=fewer_platforms,
    )  # fmt: skip
    same = f"{', '.join(f'{found.stack}@{one}' for one in names[:1])} is {found.name} already"
    _show(output, found.stack, moves, otherwise=same, dry_run=dry_run)


@click.command()
@click.argument("tier", metavar="STACK@TIER")
@click.option("--to", metavar="VERSION", help="To this release, not to the one before.")
@_why_option
@dry_run_option
@root_option
@output_options
def rollback(
    output: Output, *, tier: str, to: str | None, why: str, dry_run: bool, root: Path
) -> None:
    """Point a tier to the release that it had before."""
    from lamina.core.errors import UsageError
    from lamina.model.versions import parse_release_version
    from lamina.release import tiers

    stack, name = _tier(tier)
    try:
        version = None if to is None else parse_release_version(to)
    except ValueError as error:
        raise UsageError(str(error)) from error
    change = _change(why, dry_run=dry_run)
    moves = tiers.rollback(writable_root(root), stack, name, change, to=version)
    _show(output, stack, moves, otherwise=f"{tier} is {stack}/{to} already", dry_run=dry_run)


@click.command()
@click.argument("tier", metavar="STACK@TIER")
@_why_option
@dry_run_option
@root_option
@output_options
def drop(output: Output, *, tier: str, why: str, dry_run: bool, root: Path) -> None:
    """Remove a tier; its release stays."""
    from lamina.release import tiers
    from lamina.release.lineage import asked_by_tier

    stack, name = _tier(tier)
    opened = writable_root(root)
    moves = tiers.drop(opened, stack, name, _change(why, dry_run=dry_run))
    if asking := asked_by_tier(opened, stack, name):
        _warn(f"{', '.join(asking)}: locked with {tier}; the next lock needs another parent")
    _show(output, stack, moves, otherwise="", dry_run=dry_run)


@click.command()
@click.argument("release", metavar="RELEASE")
@click.option("--undo", is_flag=True, help="Put it back into service.")
@_why_option
@dry_run_option
@root_option
@output_options
def retire(
    output: Output, *, release: str, undo: bool, why: str, dry_run: bool, root: Path
) -> None:
    """Take RELEASE out of service: never again the newest, and no tier points to it.

    It stays, and so do the layers on it, until it is collected.
    """
    from lamina.release import tiers
    from lamina.release.lineage import extended_by

    found = find_release(release, root)
    opened = writable_root(own_root_of(found))
    act = tiers.put_back if undo else tiers.retire
    moves = act(opened, found, _change(why, dry_run=dry_run))
    for who in [] if undo else extended_by(opened, [opened]).get(found.prefix.as_posix(), ()):
        _warn(f"{found.name}: {who}; that release stays as it is, the next lock takes another")
    otherwise = f"{found.name} is {'not retired' if undo else 'retired already'}"
    _show(output, found.stack, moves, otherwise=otherwise, dry_run=dry_run)


@click.command()
@click.argument("stack", metavar="STACK[@TIER]")
@root_option
@output_options
def history(output: Output, stack: str, root: Path) -> None:
    """Show who moved the tiers of STACK, when, from where to where and why."""
    from lamina.core.errors import UsageError
    from lamina.release.history import read_history
    from lamina.release.root import open_root

    reference = parse_reference(stack)
    if reference.version is not None:
        raise UsageError(f"{stack!r}: the history is that of a stack or a tier")
    opened = open_root(root)
    if reference.stack not in opened.stacks():
        # Says what there is.
        opened.find(reference)
    known = {one.tier for one in read_history(opened.path, reference.stack)}
    if reference.tier is not None and reference.tier not in {
        *known,
        *opened.tiers(reference.stack),
    }:
        raise opened.no_tier(reference.stack, reference.tier)
    moves = [
        one
        for one in read_history(opened.path, reference.stack)
        if reference.tier in {None, one.tier}
    ]
    output.result(
        "\n".join(
            f"{one.time:%Y-%m-%d %H:%M:%S}  {one.author.user}@{one.author.host}  "
            f"{_line(reference.stack, one)}" + (f"  ({one.why})" if one.why else "")
            for one in moves
        )
        or f"{stack}: nothing was ever moved",
        {"stack": reference.stack, "moves": [one.value() for one in moves]},
    )


def _warn(text: str) -> None:
    from lamina.core import report

    report.warn(text)


def _change(why: str, *, dry_run: bool) -> Change:
    from lamina.release.history import Author
    from lamina.release.tiers import Change

    author = Author.of(environment())
    return Change(author=author, now=datetime.now(UTC), why=why, dry_run=dry_run)


def _tier(text: str) -> tuple[StackName, TierName]:
    from lamina.core.errors import UsageError

    reference = parse_reference(text)
    if reference.tier is None:
        raise UsageError(f"{text!r} names no tier", hints=[f"{reference.stack}@TIER"])
    return reference.stack, reference.tier


def _tier_names(texts: Sequence[str]) -> list[TierName]:
    from lamina.core.errors import UsageError
    from lamina.model.names import parse_tier_name

    try:
        return [parse_tier_name(text) for text in texts]
    except ValueError as error:
        raise UsageError(str(error)) from error


def _show(
    output: Output, stack: StackName, moves: list[Move], *, otherwise: str, dry_run: bool
) -> None:
    lines = [_line(stack, one) for one in moves]
    value = {"stack": stack, "moves": [one.value() for one in moves], "dry-run": dry_run}
    output.result("\n".join(lines) or otherwise, value)


def _line(stack: StackName, move: Move) -> str:
    if move.tier is None:
        return f"{stack}/{move.after} {_SAID[move.action]}"
    return f"{stack}@{move.tier}  {move.before or 'new'} -> {move.after or 'gone'}"


_SAID = {
    "retire": "is retired",
    "restore": "is in service again",
    "collect": "is removed",
    "import": "is imported",
}
