"""The next version of a stack: one part of it counted up, which one if need be found out.

``auto`` follows the rule by which the metapackage rubin-env is numbered: what an upgrade may cost
its users decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from lamina.core.errors import UsageError
from lamina.model.versions import ReleaseVersion, parse_release_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.model.names import PackageName
    from lamina.stack.document import Stack

Part = Literal["major", "minor", "patch", "build", "pre", "final"]
PARTS: tuple[Part, ...] = get_args(Part)

_NUMBERS: tuple[Part, ...] = ("major", "minor", "patch")
_WEIGHT: tuple[Part, ...] = ("build", "patch", "minor", "major")
_HEAD = re.compile(r"v?(?:\d+!)?(?P<numbers>\d+(?:\.\d+)*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What makes a part count up."""

    part: Part
    text: str


def bump(version: ReleaseVersion, part: Part) -> ReleaseVersion:
    """Return the next version; zeros that were written stay (2026.07.9 gives 2026.07.10).

    ``build`` gives a post-release, ``pre`` the next alpha (of the next patch where there is none),
    ``final`` takes the pre-release away. Raises UsageError where that makes no sense.
    """
    parsed = Version(version)
    found = _HEAD.match(version)
    if parsed.local or parsed.dev is not None or found is None:
        raise UsageError(f"{version}: the version of a working copy has no successor")
    numbers = found["numbers"].split(".")
    pre = "" if parsed.pre is None else f"{parsed.pre[0]}{parsed.pre[1]}"
    if part == "build":
        after = f"{'.'.join(numbers)}{pre}.post{(-1 if parsed.post is None else parsed.post) + 1}"
    elif part == "pre":
        kind, number = parsed.pre or ("a", 0)
        after = f"{'.'.join(numbers if pre else _counted(numbers, 2))}{kind}{number + 1}"
    elif part == "final":
        if not pre:
            raise UsageError(f"{version} is no pre-release")
        after = ".".join(numbers)
    else:
        at = _NUMBERS.index(part)
        # What comes after a pre-release of 2.0.0 is 2.0.0 itself.
        there = bool(pre) and not any(map(int, numbers[at + 1 :]))
        after = ".".join(numbers if there else _counted(numbers, at))
    return parse_release_version(f"{parsed.epoch}!{after}" if parsed.epoch else after)


def _counted(numbers: list[str], at: int) -> list[str]:
    """Count one number up and begin those after it anew, each as wide as it was written."""
    whole = [*numbers, *["0"] * (at + 1 - len(numbers))]
    counted = str(int(whole[at]) + 1).zfill(len(whole[at]))
    return [*whole[:at], counted, *("0".zfill(len(one)) for one in whole[at + 1 :])]


def reasons_for(before: Stack, after: Stack) -> list[Reason]:
    """Return what changed from one stack to the next, the weightiest first; nothing: none.

    A package that is gone, or whose range has nothing of the old one, is a major change; a new one
    or another Python a minor; another lower bound a patch; any other change of what is asked for a
    build.
    """
    found = list(_reasons(before, after))
    return sorted(found, key=lambda one: -_WEIGHT.index(one.part))


def _reasons(before: Stack, after: Stack) -> Iterator[Reason]:
    for name in sorted(before.packages.keys() | after.packages.keys()):
        if name not in after.packages:
            yield Reason(part="major", text=f"{name} is gone")
        elif name not in before.packages:
            yield Reason(part="minor", text=f"{name} is new")
        else:
            yield from _of_package(name, before, after)
    gone = sorted({*before.stack.platforms} - {*after.stack.platforms})
    lost = sorted({*before.stack.python} - {*after.stack.python})
    yield from (Reason(part="major", text=f"no longer for {one}") for one in (*gone, *lost))
    new = sorted({*after.stack.platforms} - {*before.stack.platforms})
    more = sorted({*after.stack.python} - {*before.stack.python})
    yield from (Reason(part="minor", text=f"also for {one}") for one in (*new, *more))


def _of_package(name: PackageName, before: Stack, after: Stack) -> Iterator[Reason]:
    old, new = before.packages[name], after.packages[name]
    if old == new:
        return
    was, now = str(old.version), str(new.version)
    if was == now:
        yield Reason(part="build", text=f"{name} is asked for in another way")
    elif _apart(was, now):
        yield Reason(part="major", text=f"{name} {was} is now {now}")
    else:
        part: Part = "build" if _range(was).low == _range(now).low else "patch"
        yield Reason(part=part, text=f"{name} {was} is now {now}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """The ends of what a specifier allows; None: no end."""

    low: Version | None
    high: Version | None
    closed: bool
    """The upper end itself is allowed."""
    pinned: bool
    """One version, or one series."""


def _apart(was: str, now: str) -> bool:
    """Tell whether two ranges have nothing in common; of a pin, only another major is that far."""
    old, new = _range(was), _range(now)
    if old.pinned and old.low is not None and new.low is not None:
        return new.low.major != old.low.major
    return _above(new, old) or _above(old, new)


def _above(one: _Range, other: _Range) -> bool:
    if one.low is None or other.high is None:
        return False
    return one.low > other.high or (one.low == other.high and not other.closed)


def _range(text: str) -> _Range:
    """Return the ends of a range; arbitrary equality (===) with no version in it has none."""
    lows: list[Version] = []
    highs: list[tuple[Version, bool]] = []
    pinned = False
    for one in SpecifierSet("" if text == "*" else text):
        try:
            version = Version(one.version.removesuffix(".*"))
        except InvalidVersion:
            continue
        if one.operator in {">", ">=", "~=", "==", "==="}:
            lows.append(version)
        if one.operator in {"<", "<="}:
            highs.append((version, one.operator == "<="))
        elif one.operator == "~=":
            highs.append((_next(version.release[:-1]), False))
        elif one.operator in {"==", "==="}:
            pinned = True
            series = one.version.endswith(".*")
            highs.append((_next(version.release), False) if series else (version, True))
    high, closed = min(highs, default=(None, False))
    return _Range(low=max(lows, default=None), high=high, closed=closed, pinned=pinned)


def _next(release: tuple[int, ...]) -> Version:
    return Version(".".join(map(str, (*release[:-1], release[-1] + 1))))
