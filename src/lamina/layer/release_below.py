"""The release that a layer stands on, for all forms in which both leave."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import IntegrityError, UsageError
from lamina.layer.check.conda import check_conda
from lamina.layer.check.content import check_files
from lamina.layer.opened import base_gone
from lamina.layer.paper.writing import lost_content
from lamina.layer.state import path_as_made, read_state
from lamina.release.root import release_at

if TYPE_CHECKING:
    from lamina.layer.document import LayerBase
    from lamina.layer.state import LayerState
    from lamina.release.root import Release


def release_below(layer: Path, base: LayerBase) -> Release:
    """Return the release that a layer stands on.

    Raises UsageError for any other base, IntegrityError for one that is gone.
    """
    if not Path(base.prefix).exists():
        raise base_gone(layer, base)
    release = release_at(Path(base.prefix)) if base.kind == "release" else None
    if release is None:
        raise UsageError(
            f"{layer} stands on {base.named}, which is no release of lamina",
            hints=["lamina layer lock writes down what it needs, for any other place"],
        )
    return release


def layer_and_release(source: Path) -> tuple[Path, Release]:
    """Return the path that a layer's scripts name it by, and the release below it.

    Says which of its packages will be missing where its files come to, and which files were
    changed. Raises IntegrityError for a layer that was moved or copied or whose packages lack
    files, and for a base that is gone, UsageError for one that stands on anything else.
    """
    layer = path_as_made(source)
    state = read_state(layer)
    release = release_below(layer, state.document.base)
    if lost := lost_content(state):
        report.warn(f"{layer} does not hold what was put into it: {'; '.join(lost)}")
    if elsewhere := [one.label for one in state.own if one.editable]:
        report.warn(f"editable, with files that stay where they are: {', '.join(elsewhere)}")
    _check_files(state)
    return layer, release


def _check_files(state: LayerState) -> None:
    """Raise IntegrityError for a layer whose packages lack files; what its owner changed is said.

    Packages that others than lamina put there are their owner's as well.
    """
    conda = check_conda(state, None) if state.document.conda.requests else ()
    found = [*check_files(state)[0], *conda]
    lacking = [
        one.what
        for one in found
        if one.kind == "file-missing" and (one.package is None or one.package in state.managed)
    ]
    if lacking:
        raise IntegrityError(
            f"{state.path}: damaged: {'; '.join(lacking)}",
            hints=[f"lamina layer check {shlex.quote(str(state.path))}"],
        )
    if found:
        said = "; ".join(one.what for one in found)
        report.warn(f"{state.path} leaves as it is, and not as it was installed: {said}")
