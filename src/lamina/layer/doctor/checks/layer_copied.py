"""A layer is a copy of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.base import is_layer
from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.layers import made_at
from lamina.layer.doctor.mending import remake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-copied",
    why="Activating the copy activates the original, and its scripts run with the original's "
    "packages.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding when the original is still at its place."""
    place = made_at(patient.prefix)
    if place is not None and is_layer(place):
        what = f"the layer {patient.prefix} is a copy of {place}"
        yield KIND.found(what, remake(patient.prefix), place)


CHECK = Check(kind=KIND, find=find)
