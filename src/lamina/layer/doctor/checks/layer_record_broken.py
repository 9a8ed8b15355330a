"""A layer's documents cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import DocumentError
from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import remake
from lamina.layer.document import load_layer, load_layer_lock
from lamina.model.layer_files import LAYER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-record-broken",
    why="lamina no longer knows what the layer stands on or what was asked of it, and can neither "
    "change nor rebuild it.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each of the two documents."""
    if not patient.is_layer:
        return
    for load in (load_layer, load_layer_lock):
        try:
            load(patient.prefix)
        except DocumentError as error:
            first = str(error.problems[0]) if error.problems else error.message
            mend = remake(patient.prefix)
            yield KIND.found(
                f"{error.path}: {first}", mend, error.path, patient.prefix / LAYER_NAME
            )


CHECK = Check(kind=KIND, find=find)
