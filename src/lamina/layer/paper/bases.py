"""The base that a paper lock means: named by the user, where it was, or the same elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import IntegrityError, LaminaError
from lamina.layer.base import Base, Place, find_place, look_at
from lamina.model.platforms import current_platform
from lamina.release.root import ROOT_MARKER, Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.engines.probe import BaseProbe
    from lamina.layer.paper.document import PaperBase, PaperLock
    from lamina.model.digests import Sha256

_SHOWN = 8


def find_base(lock: PaperLock, *, on: str | None, root: Path, environ: Mapping[str, str]) -> Base:
    """Return a base of the content that a lock names.

    ``on`` is the one that the user wants; without it, the recorded place and then the releases of
    ``root`` are looked at. Raises IntegrityError naming the differences, and what ``look_at``
    raises for ``on``.
    """
    wanted = lock.base
    if on is not None:
        base = look_at(find_place(on, root=root, environ=environ), environ=environ)
        if base.probe.digest != wanted.digest:
            raise _another(f"{on} is another base than the lock's", wanted, base.probe)
        return base
    place = recorded_place(wanted)
    there = _looked_at(place, environ) if place.python.exists() else None
    if there is not None and there.probe.digest == wanted.digest:
        return there
    if (same := find_same(wanted.digest, root=root, environ=environ)) is not None:
        return same
    if there is None:
        raise IntegrityError(
            f"the base of the lock is not at {place.prefix}, and no release in {root} has the "
            "same content",
            hints=_hints(),
        )
    raise _another(f"{place.prefix} is not what it was", wanted, there.probe)


def recorded_place(base: PaperBase) -> Place:
    """Return where the base was."""
    place = base.place
    return Place(
        given=place.given,
        kind=base.kind,
        python=Path(place.python),
        prefix=Path(place.prefix),
        release=base.release,
        search=place.search,
        variables=place.variables,
    )


def find_same(digest: Sha256, *, root: Path, environ: Mapping[str, str]) -> Base | None:
    """Return a release of the root that has a certain content; None where there is none."""
    for place in _releases(root):
        base = _looked_at(place, environ)
        if base is not None and base.probe.digest == digest:
            return base
    return None


def _releases(root: Path) -> Iterator[Place]:
    if not (root / ROOT_MARKER).is_file():
        return
    here = current_platform()
    for release in Root(Path(root).absolute()).releases():
        if release.platform is here:
            yield Place(
                given=release.name,
                kind="release",
                python=release.interpreter,
                prefix=release.prefix,
                release=release.name,
            )


def _looked_at(place: Place, environ: Mapping[str, str]) -> Base | None:
    """Return what a place holds; None for what does not work, as it is no base for anybody."""
    try:
        return look_at(place, environ=environ)
    except LaminaError:
        return None


def differences(wanted: PaperBase, there: BaseProbe) -> list[str]:
    """Return in few words what differs between the base of a lock and another."""
    found = []
    if there.series != wanted.series:
        found.append(f"Python {there.series} instead of {wanted.series}")
    if there.platform != wanted.platform:
        found.append(f"{there.platform} instead of {wanted.platform}")
    before = {one.name: one.version for one in wanted.packages}
    now = {one.key: one.version for one in there.distributions}
    for name in sorted(before.keys() | now.keys()):
        match before.get(name), now.get(name):
            case str() as was, None:
                found.append(f"no {name} {was}")
            case None, str() as new:
                found.append(f"{name} {new} as well")
            case str() as was, str() as new if was != new:
                found.append(f"{name} {new} instead of {was}")
    return found


def _another(what: str, wanted: PaperBase, there: BaseProbe) -> IntegrityError:
    found = differences(wanted, there)
    more = f" and {len(found) - _SHOWN} more differences" if len(found) > _SHOWN else ""
    return IntegrityError(f"{what}: {', '.join(found[:_SHOWN])}{more}", hints=_hints())


def _hints() -> list[str]:
    return [
        "--on BASE, with a base of the same content",
        "--flat, for an environment that needs no base",
    ]
