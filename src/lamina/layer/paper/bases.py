"""The base that a paper lock means: named by the user, where it was, or the same elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core.errors import IntegrityError, LaminaError
from lamina.layer.base import Base, Place, find_place, look_at
from lamina.layer.paper.recorded import recorded_alterations, recorded_files
from lamina.model.platforms import current_platform
from lamina.release.root import ROOT_MARKER, Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.layer.paper.document import PaperBase, PaperLock
    from lamina.model.digests import Sha256

_SHOWN = 8


def find_base(lock: PaperLock, *, on: str | None, root: Path, environ: Mapping[str, str]) -> Base:
    """Return a base of the content that a lock names.

    ``on`` is the one that the user wants; without it, the recorded place and then the releases of
    ``root`` are looked at. Where a base has recorded from which files it is, these have to be those
    of the lock. Raises IntegrityError naming the differences, and what ``look_at`` raises for
    ``on``.
    """
    wanted = lock.base
    if on is not None:
        base = look_at(find_place(on, root=root, environ=environ), environ=environ)
        if differences(wanted, base):
            raise _another(f"{on} is another base than the lock's", wanted, base)
        return base
    place = recorded_place(wanted)
    there = _looked_at(place, environ) if place.python.exists() else None
    if there is not None and not differences(wanted, there):
        return there
    for release in _releases(root):
        same = _looked_at(release, environ)
        if same is not None and not differences(wanted, same):
            return same
    if there is None:
        raise IntegrityError(
            f"the base of the lock is not at {place.prefix}, and no release in {root} has the "
            "same content",
            hints=_hints(),
        )
    raise _another(f"{place.prefix} is not what it was", wanted, there)


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


def differences(wanted: PaperBase, base: Base) -> list[str]:
    """Return in few words what differs between the base of a lock and another."""
    if base.probe.digest == wanted.digest:
        return _other_files(wanted, base.place)
    found, there = [], base.probe
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


def _other_files(wanted: PaperBase, place: Place) -> list[str]:
    """Return which packages are of the same version, and of another file or build."""
    files = recorded_files(place.kind, place.prefix)
    altered = recorded_alterations(place.kind, place.prefix)
    found = []
    for one in wanted.packages:
        name = canonicalize_name(one.name)
        known, done = files.get((name, one.version)), altered.get(name)
        if known is None or one.sha256 is None:
            continue
        if known.artifact.sha256 != one.sha256:
            found.append(f"{one.name} {one.version} of another file: {known.artifact.filename}")
        elif one.build is not None and (done is None or done.build != one.build):
            found.append(f"{one.name} {one.version} of another build")
    return found


def _another(what: str, wanted: PaperBase, there: Base) -> IntegrityError:
    found = differences(wanted, there)
    more = f" and {len(found) - _SHOWN} more differences" if len(found) > _SHOWN else ""
    return IntegrityError(f"{what}: {', '.join(found[:_SHOWN])}{more}", hints=_hints())


def _hints() -> list[str]:
    return [
        "--on BASE, with a base of the same content",
        "--flat, for an environment that needs no base",
    ]
