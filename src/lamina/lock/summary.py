"""How many packages a lock has, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core import report

if TYPE_CHECKING:
    from lamina.lock.document import Lock


def counted(lock: Lock) -> str:
    """Return how many packages a lock has, of either kind."""
    conda = f" and {report.counted(len(lock.conda), 'conda package')}" if lock.conda else ""
    return f"{report.counted(len(lock.packages), 'package')}{conda}"
