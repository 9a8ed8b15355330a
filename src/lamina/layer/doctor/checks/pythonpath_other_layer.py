"""PYTHONPATH names the packages of another layer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.layer.base import is_layer
from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import with_pythonpath
from lamina.layer.doctor.places import environment_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="pythonpath-other-layer",
    why="Packages that were chosen for another base are imported here, without what they need.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each such entry."""
    layers = patient.around.layers if patient.around else ()
    own = {os.path.realpath(one) for one in (*layers, *patient.sites)}
    for entry in patient.pythonpath:
        layer = environment_of(os.path.realpath(entry))
        if layer is not None and is_layer(layer) and os.path.realpath(entry) not in own:
            kept = [one for one in patient.pythonpath if one != entry]
            what = f"PYTHONPATH names the packages of another layer: {entry}"
            yield KIND.found(what, with_pythonpath(patient, kept), entry)


CHECK = Check(kind=KIND, find=find)
