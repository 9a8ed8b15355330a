"""Why a package is in a release: the chain from the stack, and who else needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.core.errors import UsageError
from lamina.lock.chains import exact_environment, in_force, shortest_chain
from lamina.lock.document import PARENT, STACK
from lamina.model.document import near_match
from lamina.model.names import PackageName
from lamina.model.platforms import Target
from lamina.release.contents import read_contents
from lamina.release.lineage import parent_release

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from lamina.lock.conda import LockedConda
    from lamina.release.contents import Contents
    from lamina.release.root import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A package that needs another."""

    name: PackageName
    version: str
    extra: str | None
    """The extra of it that does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A parent that brings a package."""

    parent: str
    """As ``hep-base/2026.11.0``."""
    reason: Reason | None
    """Why it is there; None for a lock, or when the release is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a package is there."""

    name: PackageName
    version: str
    index: str
    asked: bool
    """Whether the stack itself names it."""
    brought_by: tuple[Brought, ...]
    """The parents that it comes from."""
    chain: tuple[PackageName, ...]
    """The shortest way from a package that the stack names, both included."""
    needed_by: tuple[Need, ...]
    needs: tuple[PackageName, ...]


def explain(root: Root, contents: Contents, text: str) -> Reason:
    """Return why a package is in a release of a root; raises UsageError when it is not.

    For what comes from a parent, the parent's own release is asked.
    """
    locked = contents.locked
    name = canonicalize_name(text)
    one = locked.get(name)
    if one is None and (conda := _explain_conda(contents, text)) is not None:
        return conda
    if one is None:
        near = near_match(name, locked)
        suggestion = f" (did you mean {near!r}?)" if near else ""
        raise UsageError(f"{contents.release.name} has no package {text!r}{suggestion}")
    return Reason(
        name=name,
        version=one.version,
        index=one.origin.text if one.origin is not None else one.index,
        asked=STACK in one.requested_by,
        chain=shortest_chain(name, locked),
        brought_by=tuple(_brought(root, contents, name)),
        needed_by=tuple(_needs(name, contents)),
        needs=tuple(sorted({each.name for each in one.dependencies if each.name in locked})),
    )


def _explain_conda(contents: Contents, text: str) -> Reason | None:
    """Return why a conda package, or the one that has a distribution, is there; None without."""
    there: dict[str, LockedConda] = {one.name: one for one in contents.conda}
    asked = [name for name, one in there.items() if STACK in one.requested_by]
    provided = {each.name: one.name for one in contents.conda for each in one.provides}
    name = text.lower() if text.lower() in there else provided.get(canonicalize_name(text), "")
    one = there.get(name)
    if one is None:
        return None
    needs: dict[str, set[str]]
    needs = {each.name: _names(each.depends) & there.keys() for each in contents.conda}
    return Reason(
        name=PackageName(name),
        version=f"{one.version} {one.build}",
        index=f"conda channel {one.channel}",
        asked=STACK in one.requested_by,
        chain=_conda_chain(name, needs, asked),
        brought_by=(),
        needed_by=(
            *(
                Need(name=PackageName(other), version=there[other].version, extra=None)
                for other in sorted(needs)
                if name in needs[other]
            ),
            *(need for each in one.provides for need in _needs(each.name, contents)),
        ),
        needs=tuple(PackageName(each) for each in sorted(needs[name])),
    )


def _names(specs: Iterable[str]) -> set[str]:
    return {one.split()[0] for one in specs if one.strip()}


def _conda_chain(
    name: str, needs: Mapping[str, AbstractSet[str]], asked: Iterable[str]
) -> tuple[PackageName, ...]:
    """Return the shortest way to a package from one that the stack names."""
    ways = [(one,) for one in sorted(asked)]
    seen = {way[0] for way in ways}
    for way in ways:  # Grows meanwhile.
        if way[-1] == name:
            return tuple(map(PackageName, way))
        further = sorted(needs[way[-1]] - seen)
        seen.update(further)
        ways += [(*way, one) for one in further]  # type: ignore[misc]
    return ()


def _needs(name: PackageName, contents: Contents) -> Iterator[Need]:
    python = contents.manifest.python
    target = Target(contents.release.platform, python.series)
    environment = exact_environment(target, python.version)
    for other in contents.locked.values():
        extras = {
            each.extra
            for each in other.dependencies
            if each.name == name and in_force(each, environment)
        }
        # Where it is needed anyway, an extra adds nothing.
        for extra in [None] if None in extras else sorted(map(str, extras)):
            yield Need(name=other.name, version=other.version, extra=extra)


def _brought(root: Root, contents: Contents, name: PackageName) -> Iterator[Brought]:
    for said in contents.manifest.parents:
        if PARENT + said.name not in contents.locked[name].requested_by:
            continue
        place = parent_release(root, contents.release, said)
        reason = None
        if place is not None:
            there, release = place
            parent = read_contents(release)
            reason = explain(there, parent, name) if name in parent.locked else None
        yield Brought(parent=said.name, reason=reason)


def reason_value(one: Reason) -> dict[str, Any]:
    """Return a reason as a JSON value."""
    return {
        "name": one.name,
        "version": one.version,
        "index": one.index,
        "asked": one.asked,
        "brought-by": [
            {"parent": each.parent, "reason": reason_value(each.reason) if each.reason else None}
            for each in one.brought_by
        ],
        "chain": list(one.chain),
        "needed-by": [
            {"name": need.name, "version": need.version, "extra": need.extra}
            for need in one.needed_by
        ],
        "needs": list(one.needs),
    }


def render_reason(one: Reason) -> str:
    """Return a reason for people."""
    lines = [f"{one.name} {one.version}, from {one.index}"]
    if one.asked:
        lines.append("  the stack asks for it")
    elif len(one.chain) > 1:
        lines.append(f"  the stack asks for {' -> '.join(one.chain)}")
    for need in one.needed_by:
        extra = f"[{need.extra}]" if need.extra else ""
        lines.append(f"  needed by {need.name}{extra} {need.version}")
    for each in one.brought_by:
        lines.append(f"  {each.parent} brings it" + (":" if each.reason else ""))
        if each.reason:
            lines += [f"    {line}" for line in render_reason(each.reason).splitlines()[1:]]
    if one.needs:
        lines.append(f"  needs {', '.join(one.needs)}")
    return "\n".join(lines)
