"""PYTHONPATH names something that is not there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.mending import with_pythonpath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="pythonpath-missing",
    why="Every import looks there in vain, and whoever makes a directory of that name decides "
    "what you import.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding for all such entries."""
    missing = [one for one in patient.pythonpath if not os.path.exists(one)]  # noqa: PTH110
    if missing:
        kept = [one for one in patient.pythonpath if one not in missing]
        what = f"PYTHONPATH names what does not exist: {listed(missing)}"
        yield KIND.found(what, with_pythonpath(patient, kept), *missing)


CHECK = Check(kind=KIND, find=find)
