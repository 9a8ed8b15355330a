"""A layer is not where it was made."""

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
    name="layer-moved",
    why="Its activation and its scripts name the place where it was made, and work there or "
    "nowhere.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding when nothing is at the old place any more."""
    place = made_at(patient.prefix)
    if place is not None and not is_layer(place):
        what = f"the layer {patient.prefix} was made at {place}"
        yield KIND.found(what, remake(patient.prefix), place)


CHECK = Check(kind=KIND, find=find)
