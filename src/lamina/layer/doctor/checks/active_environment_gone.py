"""The environment that is activated is not there any more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import set_variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="active-environment-gone",
    why="The prompt names an environment, and 'python' is whatever comes next on PATH.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each variable that names a directory which is not there."""
    if not patient.active:
        return
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        given = patient.environ.get(name)
        if given and not Path(given).is_dir():
            mend = set_variable(name, "", patient.environ)
            yield KIND.found(f"{name} names {given}, which is not there", mend, given)


CHECK = Check(kind=KIND, find=find)
