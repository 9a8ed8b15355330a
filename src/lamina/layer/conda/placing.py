"""A layer's conda prefix, and what of the layer depends on it, as moves of a staged change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.activation import activation_files
from lamina.layer.conda.install import Goods, install
from lamina.layer.conda_base import entering_files, own_prefix, prefixes_below
from lamina.layer.conda_prefix import CONDA, PATH_FILE, path_line, with_programs
from lamina.layer.hook import needed
from lamina.layer.planting import filled
from lamina.release.conda_activation import HELPER, LIST

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.base import Base
    from lamina.layer.transaction import Stage


def place_conda(stage: Stage, final: Path, base: Base, goods: Goods) -> Path:
    """Install conda packages into a stage, and plan to put them in the place of those there are.

    ``final`` is where the layer will be used. Returns the prefix as it is staged.
    """
    there, coming = stage.layer / CONDA, stage.prefix / CONDA
    site = stage.layer / "lib" / f"python{base.probe.series}" / "site-packages"
    if goods.records:
        install(goods, coming, final)
        stage.put_in(coming, there)
    else:
        stage.take_out(there)
    if any(coming.glob(f"lib/python{base.probe.series}/site-packages/*")):
        stage.write(site / PATH_FILE, path_line(base.probe.series))
    else:
        stage.take_out(site / PATH_FILE)
    _plan_activation(stage, final, base, coming)
    return coming


def _plan_activation(stage: Stage, final: Path, base: Base, prefix: Path) -> None:
    described = base.probe
    variables = dict(base.place.variables)
    if (prefix / "bin").is_dir():
        variables = with_programs(variables, final)
    needs = [described.interpreter, *needed(described)]
    texts = activation_files(variables, needs, described.interpreter)
    for name, text in texts.items():
        stage.write(stage.layer / "bin" / name, filled(text, str(final)))
    files = entering_files([*prefixes_below(base), *own_prefix(prefix, final)])
    for name in (HELPER, LIST):
        if name in files:
            stage.write(stage.layer / name, files[name])
        else:
            stage.take_out(stage.layer / name)
