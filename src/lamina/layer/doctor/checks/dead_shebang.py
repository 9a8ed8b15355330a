"""Scripts whose interpreter is gone."""

from __future__ import annotations

import os
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
    name="dead-shebang",
    why="The shell says 'bad interpreter' or 'No such file', though the script is there.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each interpreter that is gone; an environment without any has its own."""
    if patient.around is None or made_at(patient.prefix) is not None:
        return
    gone: dict[str, list[Script]] = {}
    for script in patient.scripts:
        if script.names_python and not os.path.exists(script.interpreter):  # noqa: PTH110
            gone.setdefault(script.interpreter, []).append(script)
    for interpreter, scripts in gone.items():
        names = listed([one.path.name for one in scripts])
        count = several(len(scripts), "script")
        what = f"{count} of {patient.prefix / 'bin'} ({names}): there is no {interpreter}"
        paths = [one.path for one in scripts]
        yield KIND.found(what, with_interpreter(patient.python, paths), *paths)


CHECK = Check(kind=KIND, find=find)
