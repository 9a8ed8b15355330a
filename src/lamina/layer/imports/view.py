"""A layer as a staged change will make it, built of links beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.layer.transaction import INTERNAL

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.transaction import Stage


def build_view(stage: Stage, view: Path, site: Path) -> None:
    """Make ``view`` what the layer is after the moves of the stage.

    Its interpreter starts as the layer's does, start-up hook and all. ``site`` is the layer's
    site-packages, which the hook has to find inside of the view.
    """
    coming = {target: source for source, target in stage.moves if source.is_relative_to(stage.path)}
    leaving = {source for source, target in stage.moves if target.is_relative_to(stage.path)}
    touched = {parent for path in (*coming, *leaving) for parent in path.parents}
    # Where links would lead out of the view, the interpreter would take the layer for itself.
    touched |= {site, *site.parents, stage.layer / "bin"}
    fs.make_directory(view)
    _fill(stage.layer, view, _Moves(coming=coming, leaving=leaving, touched=touched))


class _Moves:
    def __init__(self, *, coming: dict[Path, Path], leaving: set[Path], touched: set[Path]) -> None:
        self.coming = coming
        self.leaving = leaving
        self.touched = touched


def _fill(real: Path, view: Path, moves: _Moves) -> None:
    there = set(real.iterdir()) if real.is_dir() else set()
    come = {path for path in moves.coming if path.parent == real}
    for path in sorted(there | come):
        target = view / path.name
        if path in moves.coming:
            fs.symlink(target, moves.coming[path])
        elif path in moves.leaving or path.name in {INTERNAL, "__pycache__"}:
            continue
        elif path in moves.touched and path.is_dir() and not path.is_symlink():
            fs.make_directory(target)
            _fill(path, target, moves)
        else:
            fs.symlink(target, path)
