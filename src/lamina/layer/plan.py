"""What a change to a layer would do, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.layer.imports.outcome import imports_value, render_imports
from lamina.layer.union import broken_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.uv_compile import Resolved
    from lamina.layer.abi.bounds import Bound
    from lamina.layer.imports.outcome import Imports
    from lamina.layer.union import Ground
    from lamina.model.artifacts import Artifact
    from lamina.model.names import PackageName


UNKNOWN = "unknown version"
"""What is hidden where the base has something without metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A package of the layer's own after the change."""

    name: PackageName
    version: str
    over: str | None
    """The version of the base that it hides."""
    because: tuple[str, ...]
    before: str | None
    """The version that the layer has now."""

    @property
    def installs(self) -> bool:
        """Whether the change puts it there."""
        return self.before != self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The layer after a change, and what the change does."""

    requests: tuple[str, ...]
    placed: tuple[Placed, ...]
    removed: Mapping[PackageName, str]
    """Leaves the layer: name -> version."""
    uncovered: Mapping[PackageName, str]
    """Of these, the version of the base that shows again."""
    kept: int
    """How many packages of the base stay as they are."""
    bounds: tuple[Bound, ...] = ()
    """Requirements that no metadata states, found out for this change."""
    files: Mapping[Artifact, str] = field(default_factory=dict)
    """What is installed, with its address."""
    imports: Imports | None = None
    """How the imports went that the change could have broken; None: not tried."""

    @property
    def installs(self) -> list[Placed]:
        """What the change installs."""
        return [one for one in self.placed if one.installs]

    @property
    def changes(self) -> bool:
        """Whether the change touches any package."""
        return bool(self.installs or self.removed)

    @property
    def moved(self) -> set[PackageName]:
        """What is there and has another version afterwards: only that can break anything."""
        lifted = {one.name for one in self.installs if one.over is not None or one.before}
        return lifted | set(self.uncovered)

    @property
    def size(self) -> int | None:
        """Bytes of the files, None where the index does not tell."""
        sizes = [one.size for one in self.files]
        return None if None in sizes else sum(size for size in sizes if size)


def plan_change(
    ground: Ground, requests: Iterable[str], solution: Mapping[PackageName, Resolved]
) -> Plan:
    """Return what makes the layer the difference between a solution and its base."""
    asked = tuple(requests)
    names = {canonicalize_name(Requirement(text).name): text for text in asked}
    versions = {name: one.version for name, one in solution.items()}
    changed = {
        name
        for name, one in solution.items()
        if name not in ground.foreign
        and (name not in ground.base or ground.base[name].version != one.version)
    }
    placed = [
        Placed(
            name=name,
            version=versions[name],
            over=_hidden(name, ground),
            because=_reasons(ground, solution[name], versions, names, changed),
            before=ground.own[name].version if name in ground.own else None,
        )
        for name in sorted(changed)
    ]
    removed = {
        name: one.version
        for name, one in sorted(ground.own.items())
        if name in ground.managed and name not in changed
    }
    return Plan(
        requests=asked,
        placed=tuple(placed),
        removed=removed,
        uncovered={n: ground.base[n].version for n in removed if n in ground.base},
        bounds=tuple(one for one in ground.bounds if _counts(one, ground, versions)),
        kept=len(set(ground.base) - changed - set(ground.foreign)),
    )


def _hidden(name: PackageName, ground: Ground) -> str | None:
    """Return the version of the base that a package hides."""
    if name in ground.base:
        return ground.base[name].version
    return UNKNOWN if name in ground.unversioned else None


def _counts(bound: Bound, ground: Ground, versions: Mapping[PackageName, str]) -> bool:
    """Tell whether the version that has a bound is in the base or in the solution."""
    if bound.package in ground.unversioned:
        return False
    there = ground.base.get(bound.package)
    mine = versions.get(bound.package)
    return bound.excludes or bound.version in {mine, there.version if there is not None else mine}


def _reasons(
    ground: Ground,
    one: Resolved,
    versions: Mapping[PackageName, str],
    requests: Mapping[PackageName, str],
    changed: set[PackageName],
) -> tuple[str, ...]:
    """Return why a package is not, or not as, in the base: the nearest causes only."""
    if one.name in requests:
        return (f"you asked for {requests[one.name]}",)
    there = ground.base.get(one.name)
    if there is not None:
        broken = broken_by(there, versions, ground.environment)
        stated = [
            f"{one.name} {there.version} needs {requirement.name}{requirement.specifier}, "
            f"not {versions[canonicalize_name(requirement.name)]}"
            for requirement in broken
        ]
        unstated = [
            bound.reason
            for bound in ground.bounds
            if (bound.package, bound.version) == (one.name, there.version)
            and (bound.excludes or bound.broken_by(versions))
        ]
        if stated or unstated:
            return (*stated, *unstated)
    if not one.via and one.name in ground.managed:
        return ground.managed[one.name]
    causes = [name for name in one.via if name in changed] or list(one.via)
    own = [n for n in causes if n in requests or not _follows(n, one.name, versions, ground)]
    causes = own or causes
    newer = "a newer one" if there is not None else "it"
    return tuple(f"{name} {versions[name]} needs {newer}" for name in causes if name in versions)


def _follows(
    name: PackageName, cause: PackageName, versions: Mapping[PackageName, str], ground: Ground
) -> bool:
    """Tell whether a package was lifted only because its version in the base forbids ``cause``."""
    there = ground.base.get(name)
    broken = broken_by(there, versions, ground.environment) if there is not None else []
    return cause in {canonicalize_name(one.name) for one in broken}


def plan_value(plan: Plan) -> dict[str, Any]:
    """Return the plan as a JSON value."""
    return {
        "requests": list(plan.requests),
        "kept": plan.kept,
        "packages": [
            {
                "name": one.name,
                "version": one.version,
                "over": one.over,
                "before": one.before,
                "installs": one.installs,
                "because": list(one.because),
            }
            for one in plan.placed
        ],
        "removed": dict(plan.removed),
        "uncovered": dict(plan.uncovered),
        "bounds": [
            {"package": one.package, "requirement": one.requirement, "reason": one.reason}
            for one in plan.bounds
        ],
        "imports": imports_value(plan.imports) if plan.imports is not None else None,
        "files": [
            {"file": one.filename, "sha256": one.sha256, "size": one.size} for one in plan.files
        ],
        "bytes": plan.size,
    }


def render_plan(plan: Plan) -> str:
    """Return the plan for people."""
    lines = [_line(one) for one in plan.installs]
    for name, version in plan.removed.items():
        again = plan.uncovered.get(name)
        lines.append(f"  - {name} {version}" + (f"  ({again} of the base again)" if again else ""))
    size = f", {bytes_text(plan.size)} to fetch" if plan.size and plan.files else ""
    new = sum(one.over is None for one in plan.installs)
    lines.append(
        f"{plan.kept} of the base kept, {len(plan.installs) - new} shadowed, {new} new, "
        f"{len(plan.removed)} removed{size}"
    )
    if plan.imports is not None:
        lines.append(render_imports(plan.imports))
    return "\n".join(lines)


def _line(one: Placed) -> str:
    sign = "+" if one.over is None else "^"
    over = f" over {one.over} of the base" if one.over is not None else ""
    was = f" (was {one.before})" if one.before else ""
    return f"  {sign} {one.name} {one.version}{was}{over}: {'; '.join(one.because) or 'needed'}"


def bytes_text(size: int) -> str:
    """Return a size for people."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
