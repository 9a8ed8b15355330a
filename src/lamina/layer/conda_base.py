"""The conda prefixes that are entered with a layer: its own, and those that it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.conda_prefix import META
from lamina.layer.base import is_layer
from lamina.layer.conda_prefix import CONDA
from lamina.release.conda_activation import HELPER, LIST, helper_text, prefixes_entered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.layer.base import Base


def prefixes_below(base: Base) -> list[str]:
    """Return the conda prefixes of a base, the farthest first; nothing in its place without one."""
    if is_layer(base.place.prefix):
        return prefixes_entered(base.place.prefix)
    prefix = Path(base.probe.base_prefix)
    return [str(prefix) if (prefix / META).is_dir() else ""]


def own_prefix(staged: Path, final: Path) -> list[str]:
    """Return the conda prefix of a layer that will be at ``final``, if its packages set up more."""
    return [str(final / CONDA)] if (staged / "etc" / "conda").is_dir() else []


def entering_files(prefixes: Sequence[str]) -> dict[str, str]:
    """Return what enters conda prefixes from a layer: relative path -> text."""
    if not any(prefixes):
        return {}
    return {HELPER: helper_text(), LIST: "".join(f"{one}\n" for one in prefixes)}
