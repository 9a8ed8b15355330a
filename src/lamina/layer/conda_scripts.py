"""The activation scripts of the conda packages of layers, and what runs them in any shell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.activation_conda import HELPER, Scripts, csh_files, scripts_of
from lamina.layer.base import is_layer
from lamina.layer.conda_prefix import CONDA
from lamina.layer.state import standing_from
from lamina.layer.transaction import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELPER = Path(__file__).parents[1] / "_target" / HELPER


def script_files(scripts: Sequence[Scripts]) -> dict[str, str]:
    """Return what the activation of a layer needs beside it: relative path -> text of a seed."""
    if not scripts:
        return {}
    helper = _HELPER.read_text(encoding="utf-8")
    return {f"{INTERNAL}/{HELPER}": helper, **csh_files(scripts)}


def scripts_below(prefix: Path) -> list[Scripts]:
    """Return the scripts of the layers from a prefix down, the farthest first."""
    if not is_layer(prefix):
        return []
    found = [scripts_of(one.path / CONDA) for one in standing_from(prefix)]
    return [script for scripts in reversed(found) for script in scripts]
