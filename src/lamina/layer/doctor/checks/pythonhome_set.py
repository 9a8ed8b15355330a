"""PYTHONHOME sends the interpreter to the standard library of another one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import set_variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="pythonhome-set",
    why="The interpreter takes its standard library from there, and with another version it does "
    "not even start.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding when PYTHONHOME is not the interpreter's own prefix."""
    given = patient.environ.get("PYTHONHOME", "").partition(os.pathsep)[0]
    if not given:
        return
    interpreter = patient.around.interpreter if patient.around else str(patient.python)
    own = os.path.dirname(os.path.dirname(os.path.realpath(interpreter)))  # noqa: PTH120
    if os.path.realpath(given) != own:
        what = f"PYTHONHOME is {given}, but {patient.python} is an interpreter of {own}"
        yield KIND.found(what, set_variable("PYTHONHOME", "", patient.environ), given)


CHECK = Check(kind=KIND, find=find)
