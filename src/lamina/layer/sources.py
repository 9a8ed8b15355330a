"""Where a layer's packages come from: the files its lock names, and the addresses of indexes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.uv_compile import UvUnion
from lamina.engines.uv_program import UvProgram
from lamina.layer.document import LayerBound, LayerPackage
from lamina.layer.indexes import indexes_over
from lamina.layer.variables import with_variables
from lamina.model.artifacts import Artifact
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.layer.base import Place
    from lamina.layer.document import LayerBase
    from lamina.layer.plan import Placed, Plan
    from lamina.model.names import IndexName


def artifact_of(one: LayerPackage) -> Artifact:
    """Return the file that a package of a layer was installed from."""
    return Artifact(
        package=one.name,
        version=one.version,
        index=one.index,
        filename=one.file,
        sha256=one.sha256,
    )


def layer_package(placed: Placed, artifact: Artifact) -> LayerPackage:
    """Return what a layer's lock says of a package."""
    return LayerPackage(
        name=placed.name,
        version=placed.version,
        over=placed.over,
        index=artifact.index,
        file=artifact.filename,
        sha256=artifact.sha256,
        because=placed.because,
    )


def lock_bounds(plan: Plan) -> tuple[LayerBound, ...]:
    """Return the bounds that a layer's lock keeps, none where nothing of the base is hidden."""
    if not any(one.over is not None for one in plan.placed):
        return ()
    return tuple(
        LayerBound(
            package=one.package,
            version=one.version,
            requirement=one.requirement,
            reason=one.reason,
        )
        for one in sorted(plan.bounds)
    )


def addresses_over(base: LayerBase | Place, environ: Mapping[str, str]) -> dict[IndexName, str]:
    """Return the address of each index that packages over a base may come from.

    With credentials, for requests only. Raises DocumentError when a release has no stack.
    """
    return dict(indexes_over(base, environ).addresses)


def solver_over(
    base: LayerBase | Place, *, environ: Mapping[str, str], log: Path, series: str,
    exclude_newer: str | None = None,
) -> UvUnion:  # fmt: skip
    """Return the solver for layers over a base, run for the base's own interpreter."""
    indexes = indexes_over(base, environ)
    default = None if indexes.default == PUBLIC_INDEX else indexes.addresses[indexes.default]
    return UvUnion(
        program=UvProgram(
            environ=environ,
            log=log,
            default_index=default,
            interpreter=with_variables(base.variables, {}),
        ),
        python=Path(base.python),
        series=PythonSeries.parse(series),
        indexes=indexes,
        exclude_newer=exclude_newer,
    )
