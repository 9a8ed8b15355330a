"""Scripts of an environment that are run by the Python of another one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind, listed, several
from lamina.layer.doctor.layers import made_at
from lamina.layer.doctor.mending import with_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient
    from lamina.layer.doctor.programs import Script

KIND = Kind(
    name="script-other-python",
    why="The script of this environment runs with the packages of another, which may be older or "
    "gone tomorrow.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each foreign interpreter."""
    if patient.around is None or made_at(patient.prefix) is not None:
        return
    foreign: dict[str, list[Script]] = {}
    for script in patient.scripts:
        if script.names_python and _is_foreign(script.interpreter, patient):
            foreign.setdefault(script.interpreter, []).append(script)
    for interpreter, scripts in foreign.items():
        names = listed([one.path.name for one in scripts])
        count = several(len(scripts), "script")
        what = f"{count} of {patient.prefix / 'bin'} ({names}) run with {interpreter}"
        paths = [one.path for one in scripts]
        yield KIND.found(what, with_interpreter(patient.python, paths), *paths)


def _is_foreign(interpreter: str, patient: Patient) -> bool:
    """Tell whether an interpreter is there and starts in another environment."""
    path = Path(interpreter)
    if not path.exists() or os.path.realpath(path.parent) == os.path.realpath(
        patient.prefix / "bin"
    ):
        return False
    if patient.around is not None and patient.around.virtual:
        return True
    return os.path.realpath(path) != os.path.realpath(patient.python)


CHECK = Check(kind=KIND, find=find)
