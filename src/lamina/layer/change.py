"""Add packages to a layer and take them out: resolve the union, install the difference."""

from __future__ import annotations

import dataclasses
import functools
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.core import report
from lamina.core.errors import UnsatisfiableError, UsageError
from lamina.engines.uv_compile import UvUnion
from lamina.engines.uv_program import UvProgram
from lamina.layer.document import (
    LayerLock,
    LayerPackage,
)
from lamina.layer.hiding import hidden_by, render_hidden
from lamina.layer.hook import is_as_written, site_files
from lamina.layer.indexes import indexes_of, settled_over
from lamina.layer.nearest import nearest_requests
from lamina.layer.opened import OpenLayer, open_layer
from lamina.layer.placing import plan_placing, plan_removal, plan_uncovering
from lamina.layer.plan import Plan, plan_change
from lamina.layer.proving import ROUNDS, fresh_bounds, prover_of, tell, would_break
from lamina.layer.reasons import Refusal, missing_package, shortest_reason
from lamina.layer.record import dump_layer, dump_lock
from lamina.layer.solving import solve_addition, solve_removal
from lamina.layer.sources import lock_bounds
from lamina.layer.start_index import write_own_index
from lamina.layer.transaction import INTERNAL, holding, staged
from lamina.layer.union import Ground, merged, parse_requests
from lamina.model.layer_files import LAYER_LOCK_NAME, LAYER_NAME
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lamina.engines.uv_compile import Resolved
    from lamina.layer.abi.bounds import Bound
    from lamina.layer.document import LayerBound
    from lamina.layer.imports.proof import Verdict
    from lamina.layer.transaction import Stage
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A change that a user asks for."""

    layer: Path
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    exclude_newer: str | None = None
    dry_run: bool = False
    probe: bool = True
    """Whether what the change could break is imported before it is made."""


def change_layer(request: Request, environ: Mapping[str, str]) -> Plan:
    """Carry out a change, or only plan it; on any failure the layer is as it was.

    Raises ConflictError when another change is under way, UnsatisfiableError when the request
    cannot hold together with the base, IntegrityError when something that can be imported could not
    be any more, UsageError, and what the engines raise.
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
        if request.dry_run:
            return plan_request(layer, request, solver, bounds_of(layer, environ))
        return _carry_out(layer, request, solver, environ)


def bounds_of(
    layer: OpenLayer, environ: Mapping[str, str], learnt: Sequence[Bound] = ()
) -> Callable[[], tuple[Bound, ...]]:
    """Return what finds out, once, what the compiled modules of base and layer need."""

    @functools.cache
    def found() -> tuple[Bound, ...]:
        # A change that only adds does not get here, and does not wait for these.
        from lamina.layer.abi.bounds import numpy_bounds

        prover = prover_of(environ, layer.document.base.variables)
        ground = layer.ground()
        with report.step("look into the compiled modules"):
            scans = [
                *prover.scan(layer.below.distributions).values(),
                *prover.scan(layer.below.unrecorded).values(),
                *prover.scan(layer.own).values(),
            ]
        return (*numpy_bounds(scans, ground.versions)[0], *learnt)

    return found


def _carry_out(
    layer: OpenLayer, request: Request, solver: UvUnion, environ: Mapping[str, str]
) -> Plan:
    """Make the change; where it would break something, find another that lifts this as well."""
    learnt: tuple[Bound, ...] = ()
    for _ in range(ROUNDS):
        try:
            plan = plan_request(layer, request, solver, bounds_of(layer, environ, learnt), learnt)
        except UnsatisfiableError as error:
            if not learnt:
                raise
            raise would_break(_what(request), learnt) from error
        with staged(layer.path) as stage:
            _install(layer, plan, stage, solver)
            hidden = hidden_by(layer, stage)
            moved = plan.moved | set(hidden)
            verdict = _examine(layer, moved, plan, stage, environ) if request.probe else None
            if verdict is None or not verdict.learnt:
                plan = dataclasses.replace(plan, imports=verdict.imports if verdict else None)
                _plan_records(layer, plan, stage, solver.exclude_newer)
                _renew_hook(layer, stage)
                stage.apply()
                write_own_index(layer.path, environ)
                tell(plan, probe=request.probe)
                for sentence in render_hidden(layer, hidden):
                    report.warn(sentence)
                return plan
        fresh = fresh_bounds(verdict.learnt, learnt)
        if not fresh:
            break
        learnt += fresh
    raise would_break(_what(request), learnt)


def _what(request: Request) -> str:
    return f"cannot add {', '.join(request.add)}" if request.add else "cannot take it back"


def _examine(
    layer: OpenLayer,
    moved: set[PackageName],
    plan: Plan,
    stage: Stage,
    environ: Mapping[str, str],
) -> Verdict | None:
    """Try what the change could break; one that moves nothing can break nothing."""
    if not moved:
        return None
    from lamina.layer.imports.proof import Change

    new = {one.name for one in plan.installs} - moved
    change = Change(
        base=layer.below,
        own=layer.own,
        site=layer.site,
        moved=frozenset(moved),
        new=frozenset(new),
    )
    return prover_of(environ, layer.document.base.variables).examine(change, stage)


def plan_request(
    layer: OpenLayer,
    request: Request,
    solver: UvUnion,
    bounds: Callable[[], tuple[Bound, ...]] = tuple,
    learnt: Sequence[Bound] = (),
) -> Plan:
    """Return what a request would do; the plan names the exact files.

    ``bounds`` is called when something that is there may have to move; ``learnt`` says that a plan
    without them has failed.
    """
    asked = parse_requests(request.add)
    before = _without(layer, request.remove)
    requests = merged(before, asked)
    ground = settled_over(layer.document.base, layer.ground())
    with report.step(
        f"resolve {report.counted(len(ground.base) + len(requests), 'requirement')}"
    ) as step:
        try:
            if request.remove:
                solution = solve_removal(ground, requests, solver, bounds=bounds)
            else:
                sound = layer.is_sound and set(layer.document.requests) <= set(requests)
                solution = solve_addition(
                    ground, requests, solver, sound=sound and not learnt, bounds=bounds
                )
        except UnsatisfiableError as error:
            # A misspelt name is told at once: no look into every compiled module first.
            misspelt = missing_package(error) in {canonicalize_name(one.name) for one in asked}
            bound = dataclasses.replace(ground, bounds=() if misspelt else bounds())
            possible = [] if misspelt else nearest_requests(bound, requests, asked, solver)
            refusal = Refusal(
                layer=request.layer,
                asked=request.add,
                possible=possible,
                log=request.layer / INTERNAL / "uv.log",
            )
            raise shortest_reason(error, bound, refusal) from error
        if _moves(ground, solution):
            ground = dataclasses.replace(ground, bounds=bounds())
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


def _moves(ground: Ground, solution: Mapping[PackageName, Resolved]) -> bool:
    """Tell whether a solution has another version of anything that is there."""
    there = ground.versions
    return any(there.get(name, one.version) != one.version for name, one in solution.items())


def _install(layer: OpenLayer, plan: Plan, stage: Stage, solver: UvUnion) -> None:
    """Install the difference beside the layer's tree, and plan to move it in."""
    if plan.files:
        with report.step(f"install {report.counted(len(plan.files), 'package')}"):
            solver.install(plan.files, stage.prefix)
    leaving = set(plan.removed) | {one.name for one in plan.installs if one.before is not None}
    going = [one for one in layer.own if canonicalize_name(one.key) in leaving]
    gone = plan_removal(stage, going, [one for one in layer.own if one not in going])
    plan_placing(stage)
    plan_uncovering(stage, gone, layer.base)


def _renew_hook(layer: OpenLayer, stage: Stage) -> None:
    """Plan to write the start-up hook anew where another version of lamina wrote it."""
    texts = {layer.site / name: text for name, text in site_files(layer.base).items()}
    if is_as_written(layer.site) and any(not _holds(path, text) for path, text in texts.items()):
        for path, text in texts.items():
            stage.write(path, text)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


def _plan_records(layer: OpenLayer, plan: Plan, stage: Stage, exclude_newer: str | None) -> None:
    document = layer.document.model_copy(update={"requests": plan.requests})
    stage.write(layer.path / LAYER_NAME, dump_layer(document))
    stage.write(layer.path / LAYER_LOCK_NAME, dump_lock(_lock(layer, plan, exclude_newer)))


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
        bounds=_kept_bounds(layer, plan),
        conda=layer.lock.conda if layer.lock else (),
    )


def _kept_bounds(layer: OpenLayer, plan: Plan) -> tuple[LayerBound, ...]:
    """Return the bounds of this change or of an earlier one, none where nothing is hidden."""
    shadows = any(one.over is not None for one in plan.placed)
    if shadows and not plan.bounds and layer.lock is not None:
        return layer.lock.bounds
    return lock_bounds(plan)
