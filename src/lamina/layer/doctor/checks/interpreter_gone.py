"""The environment's interpreter is not there, or does not start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.layer.doctor.checks import pythonhome_set
from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="interpreter-gone",
    why="Nothing of the environment can be run.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding, unless a check of its own says why; layers have one."""
    if patient.around is not None or patient.is_layer or any(pythonhome_set.find(patient)):
        return
    python = patient.python
    if python.exists():
        what = f"{python} does not start: {patient.answer}"
    elif python.is_symlink():
        what = f"{python} leads to {os.path.realpath(python)}, which is not there"
    else:
        what = f"{python} is not there"
    again = quoted("mv", patient.prefix, f"{patient.prefix}.aside")
    yield KIND.found(what, f"{again} && {quoted('python3', '-m', 'venv', patient.prefix)}", python)


CHECK = Check(kind=KIND, find=find)
