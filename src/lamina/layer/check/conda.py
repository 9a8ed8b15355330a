"""Whether the conda packages of a layer are those of its lock, and have what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import IntegrityError
from lamina.engines.conda_prefix import check_prefix, read_prefix
from lamina.layer.check.findings import Finding
from lamina.layer.check.identity import rebuild
from lamina.layer.conda.again import own_records, unmet
from lamina.layer.conda.ground import conda_ground
from lamina.layer.conda_prefix import CONDA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.base import Base
    from lamina.layer.state import LayerState


def check_conda(layer: LayerState, base: Base | None) -> Iterator[Finding]:
    """Yield what is not as it was; of a base that is gone, nothing is asked."""
    locked = layer.lock.conda if layer.lock is not None else ()
    if not locked:
        return
    mend = rebuild(layer)
    try:
        there = {str(one.record) for one in read_prefix(layer.path / CONDA)}
        wrong = check_prefix(layer.path / CONDA)
    except IntegrityError as error:
        yield Finding(kind="package-changed", what=error.message, mend=mend)
        return
    for one in own_records(locked, {}):
        if str(one) not in there:
            what = f"conda's {one} is not in the layer any more"
            yield Finding(kind="package-missing", package=one.name, what=what, mend=mend)
    for line in wrong:
        if ": missing (" in line:
            yield Finding(kind="file-missing", what=f"{CONDA}/{line}", mend=mend)
        else:
            yield Finding(kind="file-changed", what=f"{CONDA}/{line}", mend=mend)
    if base is None:
        return
    try:
        ground = conda_ground(base.place, base.probe)
    except IntegrityError as error:
        yield Finding(kind="base-changed", what=error.message, mend=mend)
        return
    for line in unmet(ground, own_records(locked, {})):
        yield Finding(kind="requirement-unmet", what=line, mend=mend)
