"""What a new release would mean for the layers that people have shared.

Each is resolved against the candidate as ``lamina layer migrate`` would do it, from its lock alone:
nothing is installed, so nothing is imported either.
"""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.core import report
from lamina.core.errors import BuildFailedError, UnsatisfiableError
from lamina.engines.probe import Distribution
from lamina.layer.indexes import settled_over
from lamina.layer.plan import plan_change, plan_value
from lamina.layer.proving import bounds_over
from lamina.layer.reasons import Refusal, shortest_reason
from lamina.layer.solving import solve_addition, solve_removal
from lamina.layer.sources import solver_over
from lamina.layer.union import ground_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lamina.engines.uv_compile import UvUnion
    from lamina.layer.abi.bounds import Bound
    from lamina.layer.base import Base
    from lamina.layer.paper.document import PaperLock, PaperPackage
    from lamina.layer.plan import Plan
    from lamina.layer.shared import SharedLayer
    from lamina.layer.union import Ground

Outcome = Literal["fine", "changes", "breaks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What a release would mean for one layer."""

    layer: str
    outcome: Outcome
    """``fine``: the same packages of its own; ``changes``: others; ``breaks``: none will do."""
    plan: Plan | None = None
    reason: str = ""
    """Why none will do."""

    @property
    def changes(self) -> list[str]:
        """What differs from the layer as it is, one line each."""
        if self.plan is None:
            return []
        lines = []
        for one in self.plan.installs:
            was = f"{one.before} -> " if one.before else "new: "
            over = f" over {one.over} of the release" if one.over and not one.before else ""
            lines.append(f"{one.name} {was}{one.version}{over}")
        for name, version in self.plan.removed.items():
            again = self.plan.uncovered.get(name)
            lines.append(f"{name} {version} -> {f'{again} of the release' if again else 'gone'}")
        return lines


def impact_on(
    layers: Sequence[SharedLayer], candidate: Base, *, environ: Mapping[str, str], log: Path
) -> list[Impact]:
    """Return what a candidate would mean for each layer, in their order.

    Several are resolved at once. Raises what the engines raise but for UnsatisfiableError.
    """
    solver = solver_over(candidate.place, environ=environ, log=log, series=candidate.probe.series)
    bounds = bounds_over(candidate, environ)
    bare = settled_over(candidate.place, ground_of(candidate.probe, (), {}))
    with (
        report.step(f"resolve {len(layers)} layers", total=len(layers)) as step,
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):

        def one(layer: SharedLayer) -> Impact:
            found = _impact(layer, bare, solver, bounds, log)
            step.advance()
            return found

        return list(pool.map(one, layers))


def _impact(
    layer: SharedLayer, bare: Ground, solver: UvUnion, bounds: tuple[Bound, ...], log: Path
) -> Impact:
    lock = layer.lock
    ground = _with(lock.packages, bare)
    solver = dataclasses.replace(solver, exclude_newer=lock.exclude_newer, remembering=True)
    try:
        try:
            plan = _plan(ground, lock.requests, solver, bounds)
        except BuildFailedError:
            # The solver went down to sources so old that nobody can build them any more.
            plan = _plan(ground, [*lock.requests, *_no_older(lock)], solver, bounds)
    except UnsatisfiableError as error:
        refusal = Refusal(layer=layer.path, asked=lock.requests, possible=(), log=log)
        reason = shortest_reason(error, ground, refusal).message.partition(": ")[2]
        return Impact(layer=layer.name, outcome="breaks", reason=reason)
    except BuildFailedError as error:
        return Impact(layer=layer.name, outcome="breaks", reason=error.message)
    return Impact(layer=layer.name, outcome="changes" if plan.changes else "fine", plan=plan)


def _plan(
    ground: Ground, requests: Sequence[str], solver: UvUnion, bounds: tuple[Bound, ...]
) -> Plan:
    """Return what would change; as the layer was made where that changes nothing."""
    if not ground.own.keys() & ground.base.keys():
        # The requests alone, over what is there.
        solution = solve_addition(ground, requests, solver, sound=True)
        plan = plan_change(ground, requests, solution)
        if not plan.changes and not plan.moved:
            return plan
    bound = dataclasses.replace(ground, bounds=bounds)
    return plan_change(bound, requests, solve_removal(bound, requests, solver))


def _no_older(lock: PaperLock) -> list[str]:
    """Return what keeps the packages that were asked for from going below what the layer has."""
    asked = {canonicalize_name(Requirement(one).name) for one in lock.requests}
    return [f"{one.name}>={one.version}" for one in lock.packages if one.name in asked]


def _with(packages: Iterable[PaperPackage], bare: Ground) -> Ground:
    """Return the packages of a layer over the candidate, as if they were installed there."""
    own = {one.name: _distribution(one) for one in packages}
    return dataclasses.replace(bare, own=own, managed={one.name: one.because for one in packages})


def _distribution(one: PaperPackage) -> Distribution:
    """Return a package of which the index tells everything else."""
    return Distribution(
        key=one.name, name=one.name, version=one.version, location="", metadata="", modules=(),
        requires=(), extras=(), requires_python="", direct=False, editable=False, entries={},
        files={},
    )  # fmt: skip


def impact_value(found: Iterable[Impact], release: str) -> dict[str, Any]:
    """Return what was found as a JSON value."""
    return {
        "release": release,
        "layers": [
            {
                "layer": one.layer,
                "outcome": one.outcome,
                "reason": one.reason,
                "changes": one.changes,
                "plan": plan_value(one.plan) if one.plan is not None else None,
            }
            for one in found
        ],
    }


def render_impact(found: Sequence[Impact], release: str) -> str:
    """Return what was found for people, the worst first."""
    lines = []
    for outcome in ("breaks", "changes", "fine"):
        for one in found:
            if one.outcome == outcome:
                lines.append(f"{outcome:8} {one.layer}" + (f": {one.reason}" if one.reason else ""))
                lines += [f"           {change}" for change in one.changes]
    counts = [f"{sum(one.outcome == kind for one in found)} {word}" for kind, word in _COUNTED]
    return "\n".join([*lines, f"{len(found)} layers on {release}: {', '.join(counts)}"])


_COUNTED = (("fine", "fine"), ("changes", "would change"), ("breaks", "would break"))
