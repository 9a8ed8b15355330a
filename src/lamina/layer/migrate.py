"""Put a layer on another base: its requests resolved again, as little as possible changed.

The new layer is built beside the old one, for the old one's path, and takes its place in one step.
The old one stays as ``DIR.before-BASE``: renamed back, it works as before.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from lamina.core import report
from lamina.core.errors import (
    ConflictError,
    NotSupportedError,
    UnsatisfiableError,
    UsageError,
)
from lamina.engines.uv_compile import Resolved
from lamina.layer.base import ENVIRONMENT, Base, find_place, is_layer, look_at, warn_of_less
from lamina.layer.building import Delivery, beside, build_layer, document_over, finish
from lamina.layer.check.identity import restored, unpacked_again
from lamina.layer.document import LayerLock
from lamina.layer.fetching import Shelf
from lamina.layer.imports.outcome import render_imports
from lamina.layer.indexes import settled_over
from lamina.layer.opened import site_of
from lamina.layer.plan import Plan, plan_change, plan_value, render_plan
from lamina.layer.proving import ROUNDS, bounds_over, fresh_bounds, prover_of, tell, would_break
from lamina.layer.reasons import Refusal, shortest_reason
from lamina.layer.solving import solve_removal
from lamina.layer.sources import (
    addresses_over,
    artifact_of,
    layer_package,
    lock_bounds,
    solver_over,
)
from lamina.layer.state import LayerState, read_state, standing_from
from lamina.layer.swapping import free_names, swap
from lamina.layer.transaction import INTERNAL, holding
from lamina.layer.union import ground_of
from lamina.model.layer_files import LAYER_LOCK_NAME, LAYER_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.engines.uv_compile import UvUnion
    from lamina.layer.abi.bounds import Bound
    from lamina.layer.base import Place
    from lamina.layer.imports.outcome import Imports
    from lamina.layer.imports.proof import Change
    from lamina.layer.solving import Solution
    from lamina.layer.transaction import Stage
    from lamina.layer.union import Ground
    from lamina.model.artifacts import Artifact
    from lamina.model.names import IndexName


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateRequest:
    """Which layer goes where."""

    layer: Path
    to: str
    """The new base, as the user names it."""
    root: Path
    environ: Mapping[str, str]
    exclude_newer: str | None = None
    dry_run: bool = False
    discard: bool = False
    """Remove the old layer once the new one is in its place."""
    probe: bool = True
    """Whether what the new base could break is imported before the new layer takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What a migration does, or did."""

    old: LayerState
    base: Base
    plan: Plan
    indexes: Mapping[IndexName, str] = field(default_factory=dict)
    exclude_newer: str | None = None
    kept: Path | None = None
    """Where the old layer is afterwards; before it is done, the name that is free now."""


def migrate_layer(request: MigrateRequest) -> Migration:
    """Carry out a migration, or only plan it; on any failure the layer is as it was.

    Raises UnsatisfiableError when the requests cannot hold together with the new base,
    IntegrityError when something that works now could not be imported on it, ConflictError when
    another change is under way or discarding would lose something, UsageError, and what the
    engines raise.
    """
    place = find_place(request.to, root=request.root, environ=request.environ)
    _refuse_circles(request.layer, place)
    base = look_at(place, environ=request.environ)
    with holding(request.layer):
        old = read_state(request.layer)
        _refuse_conda(old, request)
        warn_of_less(old.document.base.place, place)
        extra = _not_ours(old)
        if request.discard and extra:
            raise ConflictError(
                f"{old.path} has what lamina did not put there: {', '.join(extra)}",
                hints=["without --discard, the old layer is kept with it"],
            )
        if request.dry_run:
            return plan_migration(request, old, base)
        done = _carry_out(request, old, base)
        if extra:
            report.warn(f"stays in {done.kept}: {', '.join(extra)}")
    tell(done.plan, probe=request.probe)
    return done


def _carry_out(request: MigrateRequest, old: LayerState, base: Base) -> Migration:
    """Make the new layer; where something would not work in it, find another that lifts this."""
    learnt: tuple[Bound, ...] = ()
    what = f"not possible on {request.to}"
    for _ in range(ROUNDS):
        try:
            planned = plan_migration(request, old, base, learnt)
        except UnsatisfiableError as error:
            if not learnt:
                raise
            raise would_break(what, learnt) from error
        try:
            return _act(request, planned)
        except _BreaksError as error:
            fresh = fresh_bounds(error.bounds, learnt)
        if not fresh:
            break
        learnt += fresh
    raise would_break(what, learnt)


def _refuse_circles(layer: Path, place: Place) -> None:
    """Raise UsageError when the new base stands on the layer itself."""
    if not is_layer(place.prefix):  # The first python of an environment may be that of one.
        if place.prefix.resolve().is_relative_to(layer.resolve()):
            again = unpacked_again(layer) or restored(layer)
            raise UsageError(f"{place.given} is inside the layer {layer} itself", hints=[again])
        return
    below = [one.document.base.place.prefix for one in standing_from(place.prefix)]
    if any(prefix.exists() and prefix.samefile(layer) for prefix in (place.prefix, *below)):
        leave = ["deactivate"] if place.kind == ENVIRONMENT else []
        raise UsageError(f"{place.given} is, or stands on, the layer {layer} itself", hints=leave)


def _refuse_conda(old: LayerState, request: MigrateRequest) -> None:
    """Raise NotSupportedError for a layer with conda packages: they are made for one base."""
    asked = old.document.conda
    if not asked.requests:
        return
    layer, new = shlex.quote(str(old.path)), shlex.quote(f"{old.path}-new")
    words = [word for one in asked.requests for word in ("--conda", one)]
    words += [word for one in asked.channels for word in ("--channel", one)]
    raise NotSupportedError(
        f"{old.path} has conda packages ({', '.join(asked.requests)}), and these are not taken to "
        "another base",
        hints=[
            f"lamina layer create {new} --on {shlex.quote(request.to)}",
            f"lamina layer add {new} {shlex.join(words)}",
            f"or take them out first: lamina layer remove {layer} --conda NAME",
        ],
    )


_PARTS = frozenset(
    {"bin", "lib", "lib64", "share", "etc", "include", "man", "pyvenv.cfg", ".gitignore", INTERNAL}
    | {LAYER_NAME, LAYER_LOCK_NAME}
)


def _not_ours(old: LayerState) -> list[str]:
    """Return what is in the layer and comes along in no way: packages and files of the user's."""
    packages = [one.name for one in old.own if canonicalize_name(one.key) not in old.managed]
    files = sorted(one.name for one in old.path.iterdir() if one.name not in _PARTS)
    return packages + files


class _BreaksError(Exception):
    """The imports have shown what must not be used on the new base."""

    def __init__(self, bounds: tuple[Bound, ...]) -> None:
        super().__init__(*(one.reason for one in bounds))
        self.bounds = bounds


def plan_migration(
    request: MigrateRequest, old: LayerState, base: Base, learnt: tuple[Bound, ...] = ()
) -> Migration:
    """Return what a migration would do; what stays at its version stays the very same file.

    ``learnt`` are bounds that an earlier plan has broken.
    """
    own = [one for one in old.own if canonicalize_name(one.key) in old.managed]
    reasons = {name: one.because for name, one in old.managed.items()}
    ground = ground_of(base.probe, own, reasons)
    requests = old.document.requests
    bounds = (*_bounds(request, old, base), *learnt)
    ground = settled_over(base.place, dataclasses.replace(ground, bounds=bounds))
    log = request.layer / INTERNAL / "uv.log"
    solver = solver_over(
        base.place, environ=request.environ, log=log, series=base.probe.series,
        exclude_newer=request.exclude_newer,
    )  # fmt: skip
    with report.step(f"resolve {len(requests)} requests on {request.to}") as step:
        try:
            solution = _solve(old, ground, base, solver)
        except UnsatisfiableError as error:
            refusal = Refusal(layer=old.path, asked=requests, possible=(), log=log)
            words = f"not possible on {request.to}:"
            raise shortest_reason(error, ground, refusal, words=words) from error
        plan = plan_change(ground, requests, solution)
        step.outcome = f"{len(plan.placed)} packages of its own"
    files, indexes = _files(request, old, base, plan, solver)
    return Migration(
        old=old,
        base=base,
        plan=replace(plan, files=files),
        indexes=indexes,
        exclude_newer=request.exclude_newer,
        kept=None if request.discard else next(free_names(_before(old))),
    )


def _bounds(request: MigrateRequest, old: LayerState, base: Base) -> tuple[Bound, ...]:
    """Return what the compiled modules of the new base need, where anything could hide them."""
    if not old.document.requests or _is_same(old, base):
        return ()
    with report.step("look into the compiled modules"):
        return bounds_over(base, request.environ)


def _is_same(old: LayerState, base: Base) -> bool:
    """Tell whether the layer was resolved on a base of the same content."""
    return old.lock is not None and old.lock.base_digest == base.probe.digest


def _solve(old: LayerState, ground: Ground, base: Base, solver: UvUnion) -> Solution:
    """Return the union on the new base; on one of the same content nothing moves."""
    there = {name: one.version for name, one in old.managed.items()}
    if _is_same(old, base):
        versions = {name: one.version for name, one in ground.base.items()} | there
        return {n: Resolved(name=n, version=v, via=()) for n, v in versions.items()}
    return solve_removal(ground, old.document.requests, solver)


def _files(
    request: MigrateRequest, old: LayerState, base: Base, plan: Plan, solver: UvUnion
) -> tuple[Mapping[Artifact, str], Mapping[IndexName, str]]:
    """Return every file of the new layer with its address."""
    same_machine = (base.probe.series, base.probe.platform) == (
        old.series,
        old.document.base.platform,
    )
    kept = [
        artifact_of(old.managed[one.name])
        for one in plan.placed
        if same_machine and one.name in old.managed and old.managed[one.name].version == one.version
    ]
    names = {one.package for one in kept}
    new = [f"{one.name}=={one.version}" for one in plan.placed if one.name not in names]
    indexes = addresses_over(base.place, request.environ)
    shelf = Shelf(environ=request.environ, indexes=indexes)
    return {**solver.files(new), **(shelf.addresses(kept) if kept else {})}, indexes


def _before(old: LayerState) -> Path:
    """Return what to call the old layer, where that name is free."""
    base = old.document.base
    word = base.release or os.path.basename(base.prefix.rstrip("/")) or base.kind  # noqa: PTH119
    place = _real(old.path)
    return place.with_name(f"{place.name}.before-{word.replace('/', '-')}")


def _real(layer: Path) -> Path:
    """Return what is replaced: where the layer is a link, what that leads to."""
    return layer.resolve() if layer.is_symlink() else layer


def _act(request: MigrateRequest, planned: Migration) -> Migration:
    """Build the new layer, swap the two, and put the old one away.

    Raises _BreaksError before anything is swapped.
    """
    final, real = request.layer, _real(request.layer)
    finish(real)
    program = solver_over(
        planned.base.place,
        environ=request.environ,
        log=final / INTERNAL / "uv.log",
        series=planned.base.probe.series,
    ).program
    imports: list[Imports] = []

    def examine(stage: Stage) -> None:
        prover = prover_of(request.environ, planned.base.place.variables)
        verdict = prover.examine(_change(planned, stage), stage)
        if verdict.learnt:
            raise _BreaksError(verdict.learnt)
        imports.extend([verdict.imports] if verdict.imports is not None else [])

    wanted = request.probe and planned.plan.placed and not _is_same(planned.old, planned.base)
    goods = Delivery(
        files=planned.plan.files,
        indexes=planned.indexes,
        uv=program,
        examine=examine if wanted else None,
    )
    document = document_over(planned.base, planned.plan.requests)
    with beside(real) as stage:
        build_layer(stage, final, planned.base, (document, _lock(planned)), goods)
        kept = swap(stage, real, _before(planned.old) if planned.kept is not None else None)
    plan = replace(planned.plan, imports=imports[0] if imports else None)
    return replace(planned, plan=plan, kept=kept)


def _change(planned: Migration, stage: Stage) -> Change:
    """Return the new layer as a change of an empty one over the new base."""
    from lamina.layer.imports.proof import Change

    base = planned.base.probe
    moved = frozenset(one.name for one in planned.plan.placed if one.over is not None)
    return Change(
        base=base,
        own=(),
        site=site_of(stage.layer, base),
        moved=moved,
        new=frozenset(one.name for one in planned.plan.placed) - moved,
        former=planned.old.path,
    )


def _lock(planned: Migration) -> LayerLock:
    by_name = {one.package: one for one in planned.plan.files}
    old, base = planned.old.lock, planned.base
    return LayerLock(
        base_digest=base.probe.digest,
        exclude_newer=planned.exclude_newer,
        packages=tuple(layer_package(one, by_name[one.name]) for one in planned.plan.placed),
        bounds=old.bounds
        if old is not None and _is_same(planned.old, planned.base)
        else lock_bounds(planned.plan),
    )


def migration_value(done: Migration) -> dict[str, Any]:
    """Return a migration as a JSON value."""
    base, before = done.base.place, done.old.document.base
    carried = {one.name: one.version for one in done.plan.placed if not one.installs}
    return plan_value(done.plan) | {
        "layer": str(done.old.path),
        "from": {"kind": before.kind, "release": before.release, "prefix": before.prefix},
        "to": {"kind": base.kind, "release": base.release, "prefix": str(base.prefix)},
        "carried": carried,
        "before": str(done.kept) if done.kept else None,
    }


def render_migration(done: Migration) -> str:
    """Return a migration for people: what differs from the layer as it was."""
    before, base = done.old.document.base, done.base.place
    lines = [f"from {before.release or before.prefix} to {base.release or base.prefix}"]
    *changes, _ = render_plan(replace(done.plan, removed={}, uncovered={}, imports=None)).split(
        "\n"
    )
    lines += changes
    for name, version in done.plan.removed.items():
        lines.append(f"  - {name} {version}: {_dropped(version, done.plan.uncovered.get(name))}")
    carried = [one for one in done.plan.placed if not one.installs]
    lines += [f"  = {one.name} {one.version}" for one in carried]
    changed = len(done.plan.installs)
    lines.append(
        f"{len(carried)} carried over, {changed} changed or new, {len(done.plan.removed)} dropped"
    )
    if done.plan.imports is not None:
        lines.append(render_imports(done.plan.imports))
    return "\n".join(lines)


def _dropped(version: str, again: str | None) -> str:
    if again is None:
        return "nothing needs it any more"
    older = Version(again) < Version(version)
    return f"the new base has {again}" + (", which is older" if older else "")
