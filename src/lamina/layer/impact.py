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

from lamina.core import report
from lamina.core.errors import UnsatisfiableError
from lamina.engines.probe import Distribution
from lamina.layer.indexes import protected_over
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
            lines.append(f"{one.name} {was}{one.version}")
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
    with (
        report.step(f"resolve {len(layers)} layers"),
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):
        return list(pool.map(lambda one: _impact(one, candidate, solver, bounds, log), layers))


def _impact(
    layer: SharedLayer, candidate: Base, solver: UvUnion, bounds: tuple[Bound, ...], log: Path
) -> Impact:
    lock = layer.lock
    ground = _ground(lock, candidate)
    solver = dataclasses.replace(solver, exclude_newer=lock.exclude_newer)
    try:
        if not _hides(lock, ground):
            # As it was made: the requests alone, over what is there.
            solution = solve_addition(ground, lock.requests, solver, sound=True)
            plan = plan_change(ground, lock.requests, solution)
            if not plan.changes and not plan.moved:
                return Impact(layer=layer.name, outcome="fine", plan=plan)
        bound = dataclasses.replace(ground, bounds=bounds)
        solution = solve_removal(bound, lock.requests, solver)
    except UnsatisfiableError as error:
        refusal = Refusal(layer=layer.path, asked=lock.requests, possible=(), log=log)
        reason = shortest_reason(error, ground, refusal).message.partition(": ")[2]
        return Impact(layer=layer.name, outcome="breaks", reason=reason)
    plan = plan_change(bound, lock.requests, solution)
    return Impact(layer=layer.name, outcome="changes" if plan.changes else "fine", plan=plan)


def _ground(lock: PaperLock, candidate: Base) -> Ground:
    """Return the layer's packages over the candidate, as if they were installed there."""
    own = [_distribution(one) for one in lock.packages]
    reasons = {one.name: one.because for one in lock.packages}
    ground = ground_of(candidate.probe, own, reasons)
    return dataclasses.replace(ground, protected=protected_over(candidate.place))


def _distribution(one: PaperPackage) -> Distribution:
    """Return a package of which the index tells everything else."""
    return Distribution(
        key=one.name, name=one.name, version=one.version, location="", metadata="", modules=(),
        requires=(), extras=(), requires_python="", direct=False, editable=False, entries={},
        files={},
    )  # fmt: skip


def _hides(lock: PaperLock, ground: Ground) -> bool:
    """Tell whether a package of the layer's own is in the candidate as well."""
    return any(one.name in ground.base for one in lock.packages)


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
