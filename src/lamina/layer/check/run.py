"""The whole check of a layer; nothing is changed by it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.layer.check.conda import check_conda
from lamina.layer.check.consistency import check_union
from lamina.layer.check.content import check_files, check_packages
from lamina.layer.check.findings import Report
from lamina.layer.check.identity import (
    check_base_inside,
    check_hook,
    check_interpreter,
    check_place,
    look_for_base,
    rebuild,
)
from lamina.layer.check.imports import check_imports
from lamina.layer.conda_prefix import over_base
from lamina.layer.state import read_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lamina.layer.base import Base
    from lamina.layer.check.findings import Finding
    from lamina.layer.state import LayerState


def check_layer(path: Path, *, root: Path, environ: Mapping[str, str]) -> Report:
    """Return what is not as it was, or does not work; raises DocumentError.

    Imports are tried when base and interpreter are there: without them, all would fail for one
    reason that is said already.
    """
    layer = read_state(path)
    base, findings = look_for_base(layer, root=root, environ=environ)
    findings += check_place(layer)
    broken = list(check_interpreter(layer, environ))
    findings += [*broken, *check_hook(layer), *check_packages(layer)]
    with report.step(f"hash the files of {len(layer.own)} packages"):
        wrong, files = check_files(layer)
    findings += wrong
    findings += check_base_inside(layer)
    findings += check_conda(layer, base)
    modules = 0
    if base is not None and not broken:
        findings += check_union(layer, over_base(base.probe, layer.path))
        with report.step("import them"):
            failed, modules = check_imports(layer, environ)
        findings += failed
    return Report(
        layer=path,
        findings=tuple(_mendable(layer, base, findings)),
        looked_at={"packages": len(layer.own), "files": files, "modules": modules},
    )


def _mendable(
    layer: LayerState, base: Base | None, findings: Sequence[Finding]
) -> Sequence[Finding]:
    """Return findings that no base stands behind with the command that finds the layer one."""
    if base is not None:
        return findings
    vain, mend = rebuild(layer), findings[0].mend
    return [replace(one, mend=mend) if one.mend == vain else one for one in findings]
