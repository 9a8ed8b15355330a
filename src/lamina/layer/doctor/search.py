"""Whether PATH leads to an environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.doctor.patient import Patient


def is_activated(patient: Patient) -> bool:
    """Tell whether a script has said that this environment is the one to work in."""
    names = (patient.environ.get(one) for one in ("VIRTUAL_ENV", "CONDA_PREFIX"))
    return patient.active and any(one and same_directory(one, patient.prefix) for one in names)


def same_directory(one: str | Path, other: str | Path) -> bool:
    """Tell whether two paths lead to the same place."""
    return os.path.realpath(one) == os.path.realpath(other)
