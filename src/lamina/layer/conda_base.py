"""The release of conda packages that a place is, or stands on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.release.conda_activation import is_conda_release

if TYPE_CHECKING:
    from lamina.engines.probe import BaseProbe
    from lamina.layer.base import Place


def conda_below(described: BaseProbe) -> Path | None:
    """Return the release of conda packages whose Python a base has; None where it is no such."""
    prefix = Path(described.base_prefix)
    return prefix if is_conda_release(prefix) else None


def conda_release_of(place: Place) -> Path | None:
    """Return the release of conda packages that a place is or stands on; None without."""
    if place.kind != "layer":
        return place.prefix if is_conda_release(place.prefix) else None
    try:
        lines = (place.prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    homes = (value for key, _, value in (one.partition("=") for one in lines) if key == "home ")
    prefix = Path(next(homes, "").strip()).parent
    return prefix if is_conda_release(prefix) else None
