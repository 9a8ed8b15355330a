"""PYTHONPATH names the packages of another Python series."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import with_pythonpath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="pythonpath-other-series",
    why="Packages of another Python are imported first, and whatever is compiled in them fails.",
)


def series_of(entry: str) -> str | None:
    """Return the series that a directory's path names, such as ``3.12``."""
    for part in reversed(Path(entry).parts):
        if found := re.fullmatch(r"python(\d+\.\d+)t?", part):
            return found[1]
    return None


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each such entry."""
    if patient.around is None:
        return
    here = patient.around.series
    for entry in patient.pythonpath:
        series = series_of(os.path.realpath(entry))
        if series not in {None, here} and os.path.isdir(entry):  # noqa: PTH112
            kept = [one for one in patient.pythonpath if one != entry]
            what = f"PYTHONPATH names packages of Python {series} ({entry}), but this is {here}"
            yield KIND.found(what, with_pythonpath(patient, kept), entry)


CHECK = Check(kind=KIND, find=find)
