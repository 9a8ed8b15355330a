"""Why a package is in a layer: who asked for it, who needs it, and what it hides."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.core.errors import UsageError
from lamina.layer.listing import conda_reason
from lamina.layer.plan import UNKNOWN
from lamina.layer.requirements import stated_requirements
from lamina.layer.union import applies, is_version
from lamina.model.names import PackageName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.engines.probe import Distribution
    from lamina.layer.opened import OpenLayer
    from lamina.layer.union import Ground
    from lamina.lock.conda import LockedConda


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One package that needs another."""

    name: PackageName
    version: str
    requirement: str
    """What it says, such as ``numpy<2``."""
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a package is there."""

    name: PackageName
    version: str
    """Nothing where it is unknown."""
    source: str
    """``layer``, ``conda``, ``base``, or ``user`` for what somebody else installed into it."""
    over: str | None
    """The version of the base that it hides."""
    because: tuple[str, ...]
    """What the layer's lock says of it."""
    needed_by: tuple[Need, ...]
    chain: tuple[PackageName, ...]
    """The shortest way from a request to it, both included; empty where no request leads to it."""
    place: str | None
    """Where it is and what can be imported, if no metadata tell its version."""


def explain_package(layer: OpenLayer, name: str) -> Explanation:
    """Return why a package can be imported in a layer; raises UsageError when it cannot."""
    wanted = canonicalize_name(name)
    ground = layer.ground()
    there = {**ground.unversioned, **ground.base, **ground.own}
    found = there.get(wanted)
    if wanted not in ground.own and (conda := _conda_package(layer, name)) is not None:
        return _explain_conda(layer, conda, there, ground)
    if found is None:
        raise UsageError(
            f"{name}: neither in {layer.path} nor in its base",
            hints=[f"lamina layer list --all {shlex.quote(str(layer.path))}"],
        )
    source = "base"
    if wanted in ground.own:
        source = "layer" if wanted in ground.managed else "user"
    below = ground.base.get(wanted) or ground.unversioned.get(wanted)
    unknown = found is ground.unversioned.get(wanted)
    return Explanation(
        name=wanted,
        version=found.version if not unknown else "",
        source=source,
        over=(below.version or UNKNOWN) if below and source != "base" else None,
        because=ground.managed.get(wanted, ()) if source == "layer" else (),
        needed_by=tuple(_needs(wanted, found.version, there, ground)),
        chain=_chain(wanted, layer, there, ground),
        place=f"{', '.join(found.modules)} in {found.location}" if unknown else None,
    )


def _conda_package(layer: OpenLayer, name: str) -> LockedConda | None:
    """Return the conda package of the layer that is called so, or has that distribution."""
    wanted = canonicalize_name(name)
    for one in layer.lock.conda if layer.lock else ():
        if name.lower() == one.name or wanted in (each.name for each in one.provides):
            return one
    return None


def _explain_conda(
    layer: OpenLayer,
    one: LockedConda,
    there: Mapping[PackageName, Distribution],
    ground: Ground,
) -> Explanation:
    """Return why a conda package of the layer is there: what asks for it on either side."""
    return Explanation(
        name=PackageName(one.name),
        version=one.version,
        source="conda",
        over=None,
        because=tuple(map(conda_reason, one.requested_by)),
        needed_by=tuple(
            need
            for each in one.provides
            for need in _needs(each.name, str(each.version), there, ground)
        ),
        chain=next(
            filter(None, (_chain(each.name, layer, there, ground) for each in one.provides)), ()
        ),
        place=None,
    )


def _needs(
    wanted: PackageName, version: str, there: Mapping[PackageName, Distribution], ground: Ground
) -> Iterator[Need]:
    for name, one in sorted(there.items()):
        for requirement in _requirements(one, ground):
            if canonicalize_name(requirement.name) == wanted:
                yield Need(
                    name=name,
                    version=one.version,
                    requirement=f"{requirement.name}{requirement.specifier}",
                    # What is unknown is not said to be wrong.
                    met=not is_version(version)
                    or requirement.specifier.contains(version, prereleases=True),
                )


def _requirements(one: Distribution, ground: Ground) -> Iterator[Requirement]:
    return (each for each in stated_requirements(one) if applies(each, ground.environment))


def _chain(
    wanted: PackageName,
    layer: OpenLayer,
    there: Mapping[PackageName, Distribution],
    ground: Ground,
) -> tuple[PackageName, ...]:
    """Go from the requests along the requirements, nearest first."""
    starts = [canonicalize_name(Requirement(text).name) for text in layer.document.requests]
    before: dict[PackageName, PackageName | None] = dict.fromkeys(starts)
    waiting = list(before)
    while waiting and wanted not in before:
        name = waiting.pop(0)
        one = there.get(name)
        for requirement in _requirements(one, ground) if one else ():
            needed = canonicalize_name(requirement.name)
            if needed not in before:
                before[needed] = name
                waiting.append(needed)
    if wanted not in before:
        return ()
    chain: list[PackageName] = [wanted]
    while (previous := before[chain[-1]]) is not None:
        chain.append(previous)
    return tuple(reversed(chain))


def explanation_value(one: Explanation) -> dict[str, Any]:
    """Return an explanation as a JSON value."""
    return {
        "name": one.name,
        "version": one.version or None,
        "place": one.place,
        "source": one.source,
        "over": one.over,
        "because": list(one.because),
        "chain": list(one.chain),
        "needed_by": [
            {
                "name": need.name,
                "version": need.version,
                "requirement": need.requirement,
                "met": need.met,
            }
            for need in one.needed_by
        ],
    }


def render_explanation(one: Explanation) -> str:
    """Return an explanation for people."""
    where = {
        "layer": "in the layer",
        "conda": "a conda package of the layer",
        "base": "in the base",
        "user": "installed by hand",
    }
    over = f", over {one.over} of the base" if one.over else ""
    lines = [f"{one.name} {one.version or UNKNOWN}: {where[one.source]}{over}"]
    if one.place is not None:
        lines.append(f"  found by its files: {one.place}")
    lines += [f"  because {reason}" for reason in one.because]
    if len(one.chain) > 1:
        lines.append(f"  asked for through {' -> '.join(one.chain)}")
    for need in one.needed_by:
        broken = "" if need.met else f", which {one.version} is not"
        lines.append(f"  {need.name} {need.version} needs {need.requirement}{broken}")
    if len(lines) == (1 if one.place is None else 2):
        lines.append("  nothing else needs it")
    return "\n".join(lines)
