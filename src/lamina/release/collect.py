"""Collect releases that nobody needs: say first what goes and why, then remove it safely."""

from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lamina.core import fs, report
from lamina.release.guard import another_owner, only_publisher, remove_empty
from lamina.release.history import record, retired
from lamina.release.lineage import extended_by
from lamina.release.reports import drop_report
from lamina.release.space import freed_by
from lamina.release.tiers import moving, way_back

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lamina.release.root import Release, Root
    from lamina.release.tiers import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """A release that nobody needs."""

    release: Release
    reason: str
    size: int
    """Bytes of disk that removing it gives back, after those that go before it: files that other
    releases have as well stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What goes and what stays."""

    going: tuple[Doomed, ...]
    staying: tuple[tuple[Release, tuple[str, ...]], ...]
    """Each with why."""

    @property
    def size(self) -> int:
        """Bytes of disk that removing what goes gives back."""
        return sum(one.size for one in self.going)


def plan_collection(
    root: Root,
    releases: Iterable[Release],
    *,
    keep: int | None,
    needed: Mapping[str, Sequence[str]],
) -> Collection:
    """Return what goes of ``releases``: what is retired, and with ``keep`` what is old.

    A release stays while a tier names it or could go back to it, while somebody stands on it
    (``needed``: by prefix, or by name as ``stack/version``), while another release of the root
    extends it, and while it is one of the ``keep`` newest for its platform.
    """
    going, staying = _decide(root, releases, keep=keep, needed=needed)
    sizes = freed_by([one.prefix for one, _ in going])
    doomed = (
        Doomed(release=one, reason=reason, size=size)
        for (one, reason), size in zip(going, sizes, strict=True)
    )
    return Collection(going=tuple(doomed), staying=tuple(staying))


def _decide(
    root: Root,
    releases: Iterable[Release],
    *,
    keep: int | None,
    needed: Mapping[str, Sequence[str]],
) -> tuple[list[tuple[Release, str]], list[tuple[Release, tuple[str, ...]]]]:
    """Return what goes and what stays, each with why."""
    extended = extended_by(root, [root])
    going: list[tuple[Release, str]] = []
    staying: list[tuple[Release, tuple[str, ...]]] = []
    by_stack: dict[str, list[Release]] = defaultdict(list)
    for one in releases:
        by_stack[one.stack].append(one)
    for several in by_stack.values():
        reasons = _reasons(root, several, keep)
        out = retired(root.path, several[0].stack)
        for one in several:
            place = one.prefix.as_posix()
            keys = (place, one.prefix.resolve().as_posix(), one.name)
            others = [who for key in keys for who in needed.get(key, ())]
            others += extended.get(place, ())
            why = (*reasons[place], *dict.fromkeys(others))
            move = out.get(one.version)
            if why:
                staying.append((one, why))
            elif move is None and keep is None:
                staying.append((one, ("in service",)))
            elif root.backend.in_place and (owner := another_owner(one.prefix)):
                staying.append((one, (f"published by {owner}, who alone can remove it",)))
            elif move is not None:
                going.append((one, f"retired by {move.author.user}"))
            else:
                going.append((one, f"older than the {keep} newest"))
    return going, staying


def _reasons(root: Root, releases: Sequence[Release], keep: int | None) -> dict[str, list[str]]:
    """Return why the releases of one stack stay, as far as the root itself knows."""
    stack = releases[0].stack
    found: dict[str, list[str]] = defaultdict(list)
    for tier, version in root.tiers(stack).items():
        back = way_back(root, stack, tier, version)
        for one in releases:
            if one.version == version:
                found[one.prefix.as_posix()].append(f"{stack}@{tier} names it")
            if one.version == back:
                found[one.prefix.as_posix()].append(f"{stack}@{tier} goes back to it")
    out = retired(root.path, stack)
    serving = [one for one in releases if one.version not in out]
    for platform in {one.platform for one in serving}:
        # The order of a root: the oldest first.
        here = [one for one in serving if one.platform is platform]
        for one in here[len(here) - keep :] if keep else ():
            found[one.prefix.as_posix()].append(f"one of the {keep} newest")
    return found


def collect(
    root: Root,
    releases: Iterable[Release],
    change: Change,
    *,
    keep: int | None,
    needed: Mapping[str, Sequence[str]],
    environ: Mapping[str, str],
) -> Collection:
    """Remove what ``plan_collection`` names, one release after the other.

    Each vanishes from the root in one step, and its files are removed after that: when this is
    killed, what is left of them is swept by the next publisher. Raises ConflictError while another
    publisher is at work, StorageError.
    """
    if change.dry_run:
        return plan_collection(root, releases, keep=keep, needed=needed)
    with only_publisher(root, environ=environ, now=change.now):
        plan = plan_collection(root, releases, keep=keep, needed=needed)
        gone = []
        names = " ".join(one.release.name for one in plan.going)
        with root.backend.writing(f"remove {names}") if plan.going else nullcontext():
            for one in plan.going:
                stack = one.release.stack
                with report.step(f"remove {one.release.name} for {one.release.platform}"):
                    with moving(root, stack, change):
                        # Somebody may have moved a tier since.
                        now, _ = _decide(root, root.releases(stack), keep=keep, needed=needed)
                        if one.release not in [release for release, _ in now]:
                            continue
                        away = _take_away(root, one.release, change)
                    fs.remove_tree(away)
                gone.append(one)
    stays = tuple((one.release, ("wanted again",)) for one in plan.going if one not in gone)
    return Collection(going=tuple(gone), staying=(*plan.staying, *stays))


def _take_away(root: Root, release: Release, change: Change) -> Path:
    """Have a release vanish in one step, and return where its files are now."""
    move = change.move("collect", None, release.version, release.version)
    record(root.path, release.stack, [move])
    fs.make_directory(root.staging)
    away = root.backend.withdraw(release.prefix, root.staging / f"gone-{uuid4().hex[:12]}")
    remove_empty(release.prefix.parent, root)
    drop_report(root, release)
    return away


def collection_value(plan: Collection) -> dict[str, Any]:
    """Return what goes and what stays as a JSON value."""
    return {
        "going": [
            {
                "release": one.release.name,
                "platform": str(one.release.platform),
                "prefix": str(one.release.prefix),
                "reason": one.reason,
                "size": one.size,
            }
            for one in plan.going
        ],
        "staying": [
            {
                "release": one.name,
                "platform": str(one.platform),
                "prefix": str(one.prefix),
                "reasons": list(why),
            }
            for one, why in plan.staying
        ],
        "size": plan.size,
    }


def render_collection(plan: Collection, *, done: bool) -> str:
    """Return what goes, or has gone, and what stays for people."""
    goes, count = ("gone", "removed") if done else ("goes", "to remove")
    lines = [f"stays  {one.name}  {one.platform}  {'; '.join(why)}" for one, why in plan.staying]
    for one in plan.going:
        what = f"{one.release.name}  {one.release.platform}"
        lines.append(f"{goes}   {what}  {one.reason}, {one.size / 1e6:.1f} MB")
    lines.append(f"{len(plan.going)} {count}, {plan.size / 1e6:.1f} MB")
    return "\n".join(lines)
