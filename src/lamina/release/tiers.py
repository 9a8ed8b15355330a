"""Tiers: links that name the release people use, moved in one step, with a history of moves.

A move is written down before it is made: after a kill in between, the history says who wanted it,
and the next move of that tier finds where it really points.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import ConflictError, UsageError
from lamina.model.document import near_match
from lamina.model.names import TierName
from lamina.release.history import Author, Move, read_history, record, retired

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from lamina.model.names import StackName
    from lamina.model.versions import ReleaseVersion
    from lamina.release.history import Action
    from lamina.release.root import Release, Root

USUAL_TIERS = tuple(TierName(name) for name in ("unstable", "testing", "stable"))
"""Those that every stack can have without their being made first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is wanted, by whom and why."""

    author: Author
    now: datetime
    why: str = ""
    dry_run: bool = False

    def move(
        self,
        action: Action,
        tier: TierName | None,
        before: ReleaseVersion | None,
        after: ReleaseVersion | None,
    ) -> Move:
        """Return the move that this change makes."""
        return Move(
            time=self.now, action=action, tier=tier, before=before, after=after,
            author=self.author, why=self.why,
        )  # fmt: skip


def promote(
    root: Root,
    release: Release,
    tiers: Sequence[TierName],
    change: Change,
    *,
    new: bool = False,
    fewer_platforms: bool = False,
) -> list[Move]:
    """Point the first tier to a release, each of the others to what the one before it had.

    ``new``: a tier of any name may be made. ``fewer_platforms``: the release need not be there for
    every platform that the first tier has now.

    Raises UsageError for an unknown tier or one named twice, ConflictError for a release that is
    retired or lacks a platform.
    """
    stack = release.stack
    if len(set(tiers)) != len(tiers):
        raise UsageError(f"{', '.join(tiers)}: a tier is named twice")
    with moving(root, stack, change):
        there = root.tiers(stack)
        for tier in tiers:
            _check_name(root, stack, tier, there, new=new)
        if root.release(stack, release.version, release.platform) is None:
            raise UsageError(
                f"{release.name} was removed just now", hints=[root.hint("list", stack)]
            )
        _check_in_service(root, release.stack, release.version)
        if not fewer_platforms:
            _check_platforms(root, stack, there.get(tiers[0]), release.version)
        moves = []
        after: ReleaseVersion | None = release.version
        for tier in tiers:
            before = there.get(tier)
            if after is None or after == before:
                break
            moves.append(change.move("promote", tier, before, after))
            after = before
        return _make(root, stack, moves, change)


def rollback(
    root: Root, stack: StackName, tier: TierName, change: Change, *, to: ReleaseVersion | None
) -> list[Move]:
    """Point a tier to the release that it had before, or to ``to``.

    Rolling back twice goes back twice: what a rollback left is not what it returns to. Raises
    UsageError for an unknown tier or where there is nothing to return to.
    """
    with moving(root, stack, change):
        there = root.tiers(stack)
        if tier not in there:
            raise _no_tier(root, stack, tier, there)
        target = to or _before(root, stack, tier, there[tier])
        if to is not None and to not in {one.version for one in root.releases(stack)}:
            raise UsageError(
                f"{root.path}: {stack}: no release {to}", hints=[root.hint("list", stack)]
            )
        _check_in_service(root, stack, target)
        moves = [change.move("rollback", tier, there[tier], target)]
        return _make(root, stack, [] if target == there[tier] else moves, change)


def drop(root: Root, stack: StackName, tier: TierName, change: Change) -> list[Move]:
    """Remove a tier; the release stays. Raises UsageError for an unknown tier."""
    with moving(root, stack, change):
        there = root.tiers(stack)
        if tier not in there:
            raise _no_tier(root, stack, tier, there)
        return _make(root, stack, [change.move("drop", tier, there[tier], None)], change)


def retire(root: Root, release: Release, change: Change) -> list[Move]:
    """Take a release out of service: it is never again the newest, nor can a tier point to it.

    It stays where it is, and so do the layers on it, until it is collected. Raises ConflictError
    while a tier points to it.
    """
    stack, version = release.stack, release.version
    with moving(root, stack, change):
        if pointing := [tier for tier, at in root.tiers(stack).items() if at == version]:
            raise _still_named(root, release, pointing)
        moves = [change.move("retire", None, version, version)]
        return _make(root, stack, [] if version in retired(root.path, stack) else moves, change)


def _still_named(root: Root, release: Release, tiers: Sequence[str]) -> ConflictError:
    stack = release.stack
    hints = [
        root.hint("rollback", f"{stack}@{tier}")
        for tier in tiers
        if way_back(root, stack, tier, release.version) is not None
    ]
    hints.append(f"{root.hint('promote', f'{stack}/VERSION')} --tier {tiers[0]}")
    names = ", ".join(f"{stack}@{one}" for one in tiers)
    return ConflictError(f"{release.name} is what {names} names", hints=hints)


def put_back(root: Root, release: Release, change: Change) -> list[Move]:
    """Put a retired release back into service."""
    stack, version = release.stack, release.version
    with moving(root, stack, change):
        moves = [change.move("restore", None, version, version)]
        return _make(root, stack, moves if version in retired(root.path, stack) else [], change)


def way_back(root: Root, stack: StackName, tier: str, now: ReleaseVersion) -> ReleaseVersion | None:
    """Return what a tier had before it had ``now``, of what is still there and in service.

    The moves of the tier are played as on a stack: a promotion lays one down, a rollback takes away
    all that lay above what it returned to.
    """
    laid: list[ReleaseVersion] = []
    for move in read_history(root.path, stack):
        if move.tier != tier:
            continue
        if move.before is not None and not laid:
            laid.append(move.before)
        if move.action == "rollback" and move.after is not None:
            # What it was sent to without ever having been there has nothing below it.
            laid = laid[: _last(laid, move.after) + 1] if move.after in laid else [move.after]
        elif move.after is not None and laid[-1:] != [move.after]:
            laid.append(move.after)
    if now in laid:
        # What lies above was written down and never made.
        del laid[_last(laid, now) :]
    there = {one.version for one in root.releases(stack)} - set(retired(root.path, stack)) - {now}
    return next((version for version in reversed(laid) if version in there), None)


def _last(laid: Sequence[ReleaseVersion], version: ReleaseVersion) -> int:
    return len(laid) - 1 - list(reversed(laid)).index(version)


def _before(root: Root, stack: StackName, tier: TierName, now: ReleaseVersion) -> ReleaseVersion:
    if (version := way_back(root, stack, tier, now)) is None:
        raise UsageError(
            f"{stack}@{tier}: nothing is known to which it could go back",
            hints=[f"{root.hint('rollback', f'{stack}@{tier}')} --to VERSION"],
        )
    return version


def _make(root: Root, stack: StackName, moves: list[Move], change: Change) -> list[Move]:
    """Write moves down, then make them; the last first, so that no release is ever without one."""
    if change.dry_run or not moves:
        return moves
    record(root.path, stack, moves)
    for move in reversed(moves):
        if move.tier is None:
            continue
        if move.after is None:
            fs.remove_file(root.path / "tiers" / stack / move.tier)
        else:
            point_to(root, stack, move.tier, move.after)
    return moves


def point_to(root: Root, stack: StackName, tier: TierName, version: ReleaseVersion) -> None:
    """Replace the link of a tier, in one step for who reads it; nothing is written down."""
    fs.symlink(root.path / "tiers" / stack / tier, f"../../releases/{stack}/{version}")


@contextmanager
def moving(root: Root, stack: StackName, change: Change) -> Iterator[None]:
    """Let one person at a time change what a stack's tiers name, whoever publishes meanwhile."""
    if change.dry_run:
        yield
        return
    directory = root.path / "tiers" / stack
    with root.backend.writing(f"{stack} {change.why}"), _directory_alone(directory):
        for leftover in directory.glob(".*"):
            if leftover.is_symlink():  # Of a move that was killed.
                fs.remove_file(leftover)
        yield


@contextmanager
def _directory_alone(directory: Path) -> Iterator[None]:
    if not directory.is_dir():
        fs.make_directory(directory, readable=True)
    with fs.exclusive(directory):
        yield


def _check_name(
    root: Root, stack: StackName, tier: TierName, there: Mapping[str, ReleaseVersion], *, new: bool
) -> None:
    if not (new or tier in there or tier in USUAL_TIERS):
        raise _no_tier(root, stack, tier, there, hints=["to make it: --new"])
    if tier not in there and str(tier) in {str(one.version) for one in root.releases(stack)}:
        raise UsageError(
            f"{stack}@{tier} would be read as the release {stack}/{tier}",
            hints=["choose a name for the tier that is no version"],
        )


def _no_tier(
    root: Root,
    stack: StackName,
    tier: TierName,
    there: Mapping[str, ReleaseVersion],
    *,
    hints: Sequence[str] = (),
) -> UsageError:
    known = sorted({*there, *(USUAL_TIERS if hints else ())})
    near = near_match(tier, known)
    suggestion = f" (did you mean {near!r}?)" if near else ""
    return UsageError(
        f"{root.path}: {stack}: no tier {tier!r}{suggestion}; there is: "
        + (", ".join(known) or "none"),
        hints=[*hints, root.hint("list", stack)],
    )


def _check_in_service(root: Root, stack: StackName, version: ReleaseVersion) -> None:
    move = retired(root.path, stack).get(version)
    if move is not None:
        because = f": {move.why}" if move.why else ""
        raise ConflictError(
            f"{stack}/{version} was retired by {move.author.user} on {move.time:%Y-%m-%d}{because}",
            hints=[f"{root.hint('retire', f'{stack}/{version}')} --undo"],
        )


def _check_platforms(
    root: Root, stack: StackName, now: ReleaseVersion | None, then: ReleaseVersion
) -> None:
    releases = root.releases(stack)
    had = {one.platform for one in releases if one.version == now}
    has = {one.platform for one in releases if one.version == then}
    if lost := sorted(had - has):
        raise ConflictError(
            f"{stack}/{then} is not published for {', '.join(lost)}, where {stack}/{now} is",
            hints=[
                f"publish it there first: lamina publish --root {shlex.quote(str(root.path))}",
                "to move the tier all the same: --fewer-platforms",
            ],
        )
