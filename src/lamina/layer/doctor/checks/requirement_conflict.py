"""Something that is required is there in a version that will not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.demands import unmet_demands
from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.mending import install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.demands import Demand
    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="requirement-conflict",
    why="Who needs it was never tried with this version, and says that it does not work.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each package of a wrong version, with who needs another."""
    wrong: dict[str, list[Demand]] = {}
    for demand in unmet_demands(patient):
        if demand.key in patient.distributions:
            wrong.setdefault(demand.key, []).append(demand)
    for key, demands in sorted(wrong.items()):
        there = patient.distributions[key]
        who = listed([f"{one.who.title} needs {one.text}" for one in demands])
        bounds = sorted({str(one) for demand in demands for one in demand.requirement.specifier})
        names = {demand.who.name for demand in demands}
        mend = install(patient, f"{there.name}{','.join(bounds)}", *sorted(names))
        yield KIND.found(f"{there.title} is there, but {who}", mend, there.directory)


CHECK = Check(kind=KIND, find=find)
