"""How many packages a lock has, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.lock.document import Lock


def counted(lock: Lock) -> str:
    """Return how many packages a lock has, of either kind."""
    conda = f" and {len(lock.conda)} conda packages" if lock.conda else ""
    return f"{len(lock.packages)} packages{conda}"
