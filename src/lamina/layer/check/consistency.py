"""Whether base and layer together hold: what ``pip check`` asks, of the union."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.layer.check.findings import Finding, command
from lamina.layer.requirements import stated_requirements
from lamina.layer.union import applies, ground_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.requirements import Requirement

    from lamina.engines.probe import BaseProbe, Distribution
    from lamina.layer.state import LayerState
    from lamina.model.names import PackageName


def check_union(layer: LayerState, base: BaseProbe) -> Iterator[Finding]:
    """Yield each requirement that the union does not meet and that the base alone does.

    What the base was published with (waived dependencies, its own conflicts) is no matter of the
    layer's.
    """
    ground = ground_of(base, layer.own, {})
    below = {name: one.version for name, one in ground.base.items()}
    union = below | ground.own_versions
    for name, one in sorted((dict(ground.base) | dict(ground.own)).items()):
        known = set(_open(one, below, ground.environment)) if name not in ground.own else set()
        for requirement in _open(one, union, ground.environment):
            if requirement not in known:
                yield _finding(layer, one, requirement, union)


def _open(
    one: Distribution, versions: Mapping[PackageName, str], environment: Mapping[str, str]
) -> Iterator[Requirement]:
    """Yield the requirements of a distribution that a set of versions does not meet."""
    for requirement in stated_requirements(one):
        if not applies(requirement, environment):
            continue
        there = versions.get(canonicalize_name(requirement.name))
        if there is None or not requirement.specifier.contains(there, prereleases=True):
            yield requirement


def _finding(
    layer: LayerState,
    one: Distribution,
    requirement: Requirement,
    union: Mapping[PackageName, str],
) -> Finding:
    name = canonicalize_name(requirement.name)
    needs = f"{one.name} {one.version} needs {requirement.name}{requirement.specifier}"
    mend = command("layer", "add", layer.path, f"{name}{requirement.specifier}")
    package = canonicalize_name(one.key)
    if name not in union:
        what = f"{needs}, which is not there"
        return Finding(kind="requirement-missing", package=package, what=what, mend=mend)
    what = f"{needs}, and {union[name]} is there"
    return Finding(kind="requirement-unmet", package=package, what=what, mend=mend)
