"""Add packages to a layer and take them out: resolve the union, install the difference."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.core import report
from lamina.core.errors import UnsatisfiableError, UsageError
from lamina.engines.probe import read_distributions
from lamina.engines.uv_compile import UvUnion
from lamina.engines.uv_program import UvProgram
from lamina.layer.base import LAYER_NAME, Place, look_at
from lamina.layer.document import (
    LOCK_NAME,
    LayerDocument,
    LayerLock,
    LayerPackage,
    load_layer,
    load_layer_lock,
)
from lamina.layer.indexes import indexes_of
from lamina.layer.nearest import nearest_requests
from lamina.layer.placing import plan_placing, plan_removal, plan_uncovering
from lamina.layer.plan import Plan, plan_change
from lamina.layer.reasons import Refusal, shortest_reason
from lamina.layer.record import dump_layer, dump_lock
from lamina.layer.scripts import base_scripts
from lamina.layer.solving import solve_addition, solve_removal
from lamina.layer.transaction import INTERNAL, holding, settle, staged
from lamina.layer.union import Ground, ground_of, merged, parse_requests
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.engines.probe import BaseProbe, Distribution
    from lamina.layer.transaction import Stage
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLayer:
    """A layer with what it stands on and what it holds now."""

    path: Path
    document: LayerDocument
    lock: LayerLock | None
    base: BaseProbe
    own: tuple[Distribution, ...]

    @property
    def managed(self) -> dict[PackageName, LayerPackage]:
        """What lamina has put into it."""
        return {one.name: one for one in self.lock.packages} if self.lock else {}

    @property
    def is_sound(self) -> bool:
        """Whether base and layer are as the last change left them, and nobody else was here."""
        own = {canonicalize_name(one.key): one.version for one in self.own}
        if self.lock is None:
            return not own
        kept = {name: one.version for name, one in self.managed.items()}
        return own == kept and self.lock.base_digest == self.base.digest

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return site_of(self.path, self.base)

    def ground(self) -> Ground:
        """Return what is there before a request."""
        reasons = {name: one.because for name, one in self.managed.items()}
        return ground_of(self.base, self.own, reasons)


def site_of(layer: Path, base: BaseProbe) -> Path:
    """Return the site-packages of a layer."""
    return layer / "lib" / f"python{base.series}" / "site-packages"


def open_layer(path: Path, environ: Mapping[str, str]) -> OpenLayer:
    """Read a layer and look at its base; raises DocumentError, UsageError."""
    settle(path)
    document = load_layer(path)
    kept = document.base
    place = Place(
        given=kept.given,
        kind=kept.kind,
        python=Path(kept.python),
        prefix=Path(kept.prefix),
        release=kept.release,
        search=kept.search,
    )
    if not place.python.exists():
        raise UsageError(
            f"{path}: its base is gone: {place.prefix}",
            hints=["make a new layer on a base that is there and add the same requests"],
        )
    base = look_at(place, environ=environ).probe
    return OpenLayer(
        path=path,
        document=document,
        lock=load_layer_lock(path),
        base=base,
        own=read_distributions([str(site_of(path, base))]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A change that a user asks for."""

    layer: Path
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    exclude_newer: str | None = None
    dry_run: bool = False


def change_layer(request: Request, environ: Mapping[str, str]) -> Plan:
    """Carry out a change, or only plan it; on any failure the layer is as it was.

    Raises ConflictError when another change is under way, UnsatisfiableError when the request
    cannot hold together with the base, UsageError, and what the engines raise.
    """
    with holding(request.layer):
        layer = open_layer(request.layer, environ)
        log = request.layer / INTERNAL / "uv.log"
        indexes = indexes_of(layer.document, environ)
        default = None if indexes.default == PUBLIC_INDEX else indexes.addresses[indexes.default]
        solver = UvUnion(
            program=UvProgram(environ=environ, log=log, default_index=default),
            python=request.layer / "bin" / "python",
            series=PythonSeries.parse(layer.base.series),
            indexes=indexes,
            exclude_newer=request.exclude_newer,
        )
        plan = plan_request(layer, request, solver)
        if not request.dry_run:
            _apply(layer, plan, solver)
    return plan


def plan_request(layer: OpenLayer, request: Request, solver: UvUnion) -> Plan:
    """Return what a request would do; the plan names the exact files."""
    asked = parse_requests(request.add)
    before = _without(layer, request.remove)
    requests = merged(before, asked)
    ground = layer.ground()
    with report.step(f"resolve {len(ground.base) + len(requests)} requirements") as step:
        try:
            if request.remove:
                solution = solve_removal(ground, requests, solver)
            else:
                sound = layer.is_sound and set(layer.document.requests) <= set(requests)
                solution = solve_addition(ground, requests, solver, sound=sound)
        except UnsatisfiableError as error:
            refusal = Refusal(
                layer=request.layer,
                asked=request.add,
                possible=nearest_requests(ground, requests, asked, solver),
                log=request.layer / INTERNAL / "uv.log",
            )
            raise shortest_reason(error, ground, refusal) from error
        plan = plan_change(ground, requests, solution)
        files = solver.files(f"{one.name}=={one.version}" for one in plan.installs)
        step.outcome = f"{len(plan.installs)} to install, {len(plan.removed)} to remove"
    return dataclasses.replace(plan, files=files)


def _without(layer: OpenLayer, names: Sequence[str]) -> list[str]:
    """Return the requests but those for ``names``; raises UsageError for what was not asked."""
    gone = {canonicalize_name(name) for name in names}
    asked = {canonicalize_name(Requirement(text).name): text for text in layer.document.requests}
    unknown = sorted(gone - set(asked))
    if unknown:
        there = ", ".join(sorted(asked)) or "nothing"
        raise UsageError(
            f"{', '.join(unknown)}: not among the requests of {layer.path}; there is: {there}",
            hints=[f"lamina layer list {shlex.quote(str(layer.path))}"],
        )
    return [text for name, text in asked.items() if name not in gone]


def _apply(layer: OpenLayer, plan: Plan, solver: UvUnion) -> None:
    """Install the difference beside the layer's tree, then move it in."""
    with staged(layer.path) as stage:
        if plan.files:
            with report.step(f"install {len(plan.files)} packages"):
                solver.install(plan.files, stage.prefix)
        _plan_moves(layer, plan, stage, solver.exclude_newer)
        stage.apply()


def _plan_moves(layer: OpenLayer, plan: Plan, stage: Stage, exclude_newer: str | None) -> None:
    leaving = set(plan.removed) | {one.name for one in plan.installs if one.before is not None}
    going = [one for one in layer.own if canonicalize_name(one.key) in leaving]
    gone = plan_removal(stage, going, [one for one in layer.own if one not in going])
    plan_placing(stage)
    entries, python_files, programs = base_scripts(layer.base)
    plan_uncovering(stage, gone, layer.base, ({*entries, *python_files}, programs))
    document = layer.document.model_copy(update={"requests": plan.requests})
    stage.write(layer.path / LAYER_NAME, dump_layer(document))
    stage.write(layer.path / LOCK_NAME, dump_lock(_lock(layer, plan, exclude_newer)))


def _lock(layer: OpenLayer, plan: Plan, exclude_newer: str | None) -> LayerLock:
    """Return what the layer becomes."""
    files = {name: (one.index, one.file, one.sha256) for name, one in layer.managed.items()}
    files |= {one.package: (one.index, one.filename, one.sha256) for one in plan.files}
    return LayerLock(
        base_digest=layer.base.digest,
        exclude_newer=exclude_newer,
        packages=tuple(
            LayerPackage(
                name=one.name,
                version=one.version,
                over=one.over,
                index=files[one.name][0],
                file=files[one.name][1],
                sha256=files[one.name][2],
                because=one.because,
            )
            for one in plan.placed
        ),
    )
