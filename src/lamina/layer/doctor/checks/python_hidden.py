"""The active environment's python is not the one that the shell finds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import activate
from lamina.layer.doctor.search import is_activated, same_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="python-hidden",
    why="The prompt names one environment, and 'python' and 'pip' work in another.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding when any of its names leads elsewhere."""
    if not is_activated(patient):
        return
    programs = patient.prefix / "bin"
    for name in ("python", "python3"):
        if not os.path.lexists(programs / name):
            continue
        found = shutil.which(name, path=patient.environ.get("PATH", ""))
        if found is None or not same_directory(Path(found).parent, programs):
            what = f"'{name}' is {found or 'not found'}, not {programs / name}, which is active"
            yield KIND.found(what, activate(patient), *([found] if found else []))
            return


CHECK = Check(kind=KIND, find=find)
