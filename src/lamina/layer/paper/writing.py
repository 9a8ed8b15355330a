"""From a layer to its paper lock."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core import report
from lamina.core.errors import IntegrityError
from lamina.engines.uv_program import UvProgram
from lamina.engines.uv_python import version_of_uv
from lamina.layer.base import is_layer
from lamina.layer.document import load_layer
from lamina.layer.paper.document import (
    PaperBase,
    PaperBasePackage,
    PaperBelow,
    PaperLock,
    PaperPackage,
    PaperPlace,
    PaperTools,
)
from lamina.layer.paper.recorded import recorded_alterations, recorded_files
from lamina.layer.sources import artifact_of
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.layer.document import LayerPackage
    from lamina.layer.opened import OpenLayer
    from lamina.layer.paper.recorded import Recorded
    from lamina.layer.state import LayerState
    from lamina.model.names import PackageName
    from lamina.release.alterations import Alteration


def paper_lock(layer: OpenLayer, tools: PaperTools) -> PaperLock:
    """Return the paper lock of a layer as it is now.

    Raises IntegrityError when the layer does not hold what lamina put into it: a lock of that
    would promise what nobody had.
    """
    require_content(layer)
    managed = layer.managed
    foreign = [one for one in layer.own if canonicalize_name(one.key) not in managed]
    if foreign:
        names = ", ".join(one.name for one in foreign)
        report.warn(f"{names}: not put there by lamina, so the lock only names what it leaves out")
    return PaperLock(
        requests=layer.document.requests,
        exclude_newer=layer.lock.exclude_newer if layer.lock else None,
        left_out=tuple(f"{one.key}=={one.version}" for one in foreign),
        base=_base(layer),
        tools=tools,
        bounds=layer.lock.bounds if layer.lock else (),
        packages=tuple(_package(one) for one in managed.values()),
        conda_requests=layer.document.conda.requests,
        conda_channels=layer.document.conda.channels,
        conda=layer.lock.conda if layer.lock else (),
    )


def tools_of(environ: Mapping[str, str]) -> PaperTools:
    """Return the versions of what writes and will resolve."""
    uv = version_of_uv(UvProgram(environ=environ))
    return PaperTools(lamina=version("lamina"), uv=uv)


def lost_content(layer: OpenLayer | LayerState) -> list[str]:
    """Return what lamina put into a layer and is not in it, in words."""
    there = {canonicalize_name(one.key): one.version for one in layer.own}
    return [
        f"{name} {one.version}: " + (f"{there[name]} is there" if name in there else "not there")
        for name, one in sorted(layer.managed.items())
        if there.get(name) != one.version
    ]


def require_content(layer: OpenLayer) -> None:
    """Raise IntegrityError where a layer does not hold what lamina put into it."""
    if wrong := lost_content(layer):
        raise IntegrityError(
            f"{layer.path} does not hold what was put into it: {'; '.join(wrong)}",
            hints=[f"lamina layer check {shlex.quote(str(layer.path))}"],
        )


def _base(layer: OpenLayer) -> PaperBase:
    place, described = layer.document.base, layer.base
    recorded = recorded_files(place.kind, Path(place.prefix))
    altered = recorded_alterations(place.kind, Path(place.prefix))
    return PaperBase(
        kind=place.kind,
        release=place.release,
        python=described.version,
        series=str(PythonSeries.parse(described.series)),
        platform=described.platform,
        digest=described.digest,
        place=PaperPlace(
            given=place.given,
            prefix=place.prefix,
            python=place.python,
            search=place.search,
            variables=place.variables,
        ),
        below=tuple(below(place.kind, place.prefix)),
        packages=tuple(
            _base_package(one.key, one.version, recorded, altered)
            for one in described.distributions
        ),
    )


def below(kind: str, base: str) -> Iterator[PaperBelow]:
    """Yield what a base stands on that is a layer, and so on, the nearest first.

    Not by its kind alone: the first Python of an environment may be that of a layer. Raises
    DocumentError for a layer that cannot be read, unlike ``standing_from``: who asks this removes
    what nobody stands on.
    """
    prefix, seen = Path(base), set[Path]()
    while (kind == "layer" or is_layer(prefix)) and (real := prefix.resolve()) not in seen:
        seen.add(real)
        under = load_layer(prefix).base
        yield PaperBelow(prefix=under.prefix, release=under.release)
        kind, prefix = under.kind, Path(under.prefix)


def _base_package(
    name: str, version: str, recorded: Recorded, altered: Mapping[PackageName, Alteration]
) -> PaperBasePackage:
    done = altered.get(canonicalize_name(name))
    known = recorded.get((canonicalize_name(name), version))
    file = known.artifact if known else None
    return PaperBasePackage(
        name=name,
        version=version,
        index=file.index if file else None,
        file=file.filename if file else None,
        sha256=file.sha256 if file else None,
        origin=known.origin if known else None,
        build=done.build if done else None,
        altered=done.words if done else (),
    )


def _package(one: LayerPackage) -> PaperPackage:
    artifact = artifact_of(one)
    return PaperPackage(
        name=one.name,
        version=one.version,
        over=one.over,
        index=artifact.index,
        file=artifact.filename,
        sha256=artifact.sha256,
        because=one.because,
    )
