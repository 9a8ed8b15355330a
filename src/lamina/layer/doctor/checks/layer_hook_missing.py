"""A layer's start-up hook is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.layers import hook_files
from lamina.layer.doctor.mending import remake
from lamina.layer.ownership import FIRST, LAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-hook-missing",
    why="Without it the base is not seen, and what PYTHONPATH names comes before the layer.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding for the missing files."""
    if not patient.is_layer:
        return
    modules = hook_files(patient.prefix) or [patient.prefix / "lib"]
    wanted = [path for one in modules for path in (one, *map(one.with_name, (FIRST, LAST)))]
    missing = [str(path) for path in wanted if not path.is_file()]
    if missing:
        what = f"the start-up hook of {patient.prefix} is incomplete: no {listed(missing)}"
        yield KIND.found(what, remake(patient.prefix), *missing)


CHECK = Check(kind=KIND, find=find)
