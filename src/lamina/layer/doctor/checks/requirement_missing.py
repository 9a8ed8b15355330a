"""Something that is required is not there."""

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
    name="requirement-missing",
    why="Who needs it fails when it imports it, now or in the middle of a job.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each package that is missing, with who needs it."""
    missing: dict[str, list[Demand]] = {}
    for demand in unmet_demands(patient):
        if demand.key not in patient.distributions:
            missing.setdefault(demand.key, []).append(demand)
    for name, demands in sorted(missing.items()):
        who = listed([f"{one.who.title} ({one.text})" for one in demands])
        bounds = {str(one) for demand in demands for one in demand.requirement.specifier}
        mend = install(patient, name + ",".join(sorted(bounds)))
        yield KIND.found(f"{name} is missing; needed by {who}", mend, demands[0].who.directory)


CHECK = Check(kind=KIND, find=find)
