"""What differs between two releases: packages, sizes, licences, programs, Python."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from packaging.version import InvalidVersion, Version

from lamina.lock.document import INDEXED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.lock.conda import LockedConda
    from lamina.lock.document import LockedPackage
    from lamina.model.names import PackageName
    from lamina.release.contents import Content, Contents

Direction = Literal["added", "removed", "up", "down", "rebuilt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One package that is not the same in both."""

    name: PackageName
    direction: Direction
    """``rebuilt``: the same version from another file."""
    before: str | None
    after: str | None
    growth: int
    """Bytes more than before."""
    licence: tuple[str, str] | None
    """Before and after where it changed; before is empty for one that comes with a new package."""
    because: tuple[str, ...] = ()
    """Of what was added: who asked for it, ``stack`` for the stack itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDiff:
    """What differs from one release to another."""

    before: str
    after: str
    platform: str
    packages: tuple[Difference, ...]
    same: int
    """How many packages are the same."""
    python: tuple[str, str] | None
    programs_gone: tuple[str, ...]
    programs_new: tuple[str, ...]
    size: tuple[int, int]
    """Bytes of all files, before and after."""

    @property
    def new_licences(self) -> dict[str, tuple[PackageName, ...]]:
        """Return each licence that only the later release has, with the packages under it."""
        return {
            word: tuple(one.name for one in self.packages if _licence_after(one) == word)
            for word in sorted({_licence_after(one) for one in self.packages} - {""})
        }


def _licence_after(one: Difference) -> str:
    return one.licence[1] if one.licence is not None else ""


def diff_releases(before: Contents, after: Contents) -> ReleaseDiff:
    """Return what differs."""
    names = sorted(before.packages.keys() | after.packages.keys())
    known = {one.licence for one in before.packages.values()}
    found = [_difference(name, before, after, known) for name in names]
    pythons = (before.manifest.python.version, after.manifest.python.version)
    return ReleaseDiff(
        before=before.release.name,
        after=after.release.name,
        platform=str(after.release.platform),
        packages=tuple(one for one in found if one is not None),
        same=found.count(None),
        python=pythons if pythons[0] != pythons[1] else None,
        programs_gone=tuple(sorted(before.programs - after.programs)),
        programs_new=tuple(sorted(after.programs - before.programs)),
        size=(before.size, after.size),
    )


def _difference(
    name: PackageName, before: Contents, after: Contents, known: set[str]
) -> Difference | None:
    old, new = before.packages.get(name), after.packages.get(name)
    direction = _direction(name, before, after)
    if direction is None:
        return None
    return Difference(
        name=name,
        direction=direction,
        before=old.version if old else None,
        after=new.version if new else None,
        growth=(new.size if new else 0) - (old.size if old else 0),
        licence=_licence_change(old, new, known),
        because=_asked_by(name, after) if direction == "added" else (),
    )


def _asked_by(name: PackageName, contents: Contents) -> tuple[str, ...]:
    """Return who asked for a package, or for the conda package that it is in."""
    locked: LockedPackage | LockedConda | None = contents.locked.get(name)
    for one in contents.conda if locked is None else ():
        if name in (str(one.name), *(each.name for each in one.provides)):
            locked = one
    return tuple(one.removeprefix(INDEXED) for one in locked.requested_by) if locked else ()


def _direction(name: PackageName, before: Contents, after: Contents) -> Direction | None:
    old, new = before.packages.get(name), after.packages.get(name)
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if old.version == new.version:
        files = [
            {one.sha256 for one in side.manifest.files if one.name == name}
            for side in (before, after)
        ]
        return None if files[0] == files[1] else "rebuilt"
    return "up" if _order(new.version) > _order(old.version) else "down"


def _order(text: str) -> tuple[Version, tuple[str, ...]]:
    """Return what versions are compared by; those of conda may be none of PEP 440."""
    try:
        return Version(text), ()
    except InvalidVersion:
        words = re.findall(r"\d+|[a-z]+", text.lower())
        return Version("0"), tuple(one.zfill(12) if one.isdigit() else one for one in words)


def _licence_change(
    old: Content | None, new: Content | None, known: set[str]
) -> tuple[str, str] | None:
    """Return another licence than before, or one that comes in with a new package."""
    if new is None:
        return None
    if old is not None:
        return None if old.licence == new.licence else (old.licence, new.licence)
    return None if new.licence in known else ("", new.licence)


def diff_value(diff: ReleaseDiff) -> dict[str, Any]:
    """Return the differences as a JSON value."""
    return {
        "from": diff.before,
        "to": diff.after,
        "platform": diff.platform,
        "python": list(diff.python) if diff.python else None,
        "same": diff.same,
        "packages": [
            {
                "name": one.name,
                "direction": one.direction,
                "from": one.before,
                "to": one.after,
                "growth": one.growth,
                "licence": list(one.licence) if one.licence else None,
                "because": list(one.because),
            }
            for one in diff.packages
        ],
        "new-licences": {word: list(names) for word, names in diff.new_licences.items()},
        "programs": {"gone": list(diff.programs_gone), "new": list(diff.programs_new)},
        "size": {"from": diff.size[0], "to": diff.size[1]},
    }


def render_diff(diff: ReleaseDiff) -> str:
    """Return the differences for people, the weightiest first."""
    lines = [f"{diff.before} -> {diff.after} for {diff.platform}"]
    if diff.python:
        lines.append(f"Python {diff.python[0]} -> {diff.python[1]}")
    for direction, title in (
        ("removed", "removed"), ("down", "older"), ("up", "newer"),
        ("rebuilt", "another file of the same version"), ("added", "added"),
    ):  # fmt: skip
        chosen = [one for one in diff.packages if one.direction == direction]
        lines += [title, *map(_line, chosen)] if chosen else []
    lines += _listed("no longer in bin/", diff.programs_gone)
    lines += _listed("new in bin/", diff.programs_new)
    if diff.new_licences:
        lines.append("licences that are new")
        lines += [f"  {word}: {', '.join(names)}" for word, names in diff.new_licences.items()]
    before, after = diff.size
    lines.append(
        f"{len(diff.packages)} packages differ, {diff.same} are the same; "
        f"{before / 1e6:.1f} MB -> {after / 1e6:.1f} MB"
    )
    return "\n".join(lines)


def _line(one: Difference) -> str:
    versions = " -> ".join(word for word in (one.before, one.after) if word is not None)
    if one.direction == "rebuilt":
        versions = str(one.after)
    grown = f"  {one.growth / 1e6:+.1f} MB" if abs(one.growth) >= 50_000 else ""
    asked = f"  asked for by {', '.join(one.because)}" if one.because else ""
    return f"  {one.name} {versions}{grown}{asked}"


def _listed(title: str, names: Iterable[str]) -> list[str]:
    found = list(names)
    return [title, f"  {', '.join(found)}"] if found else []
