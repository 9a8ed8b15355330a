"""What a layer stands on is no longer there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.checks.layer_base_moved import new_place
from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.layers import base_is_there, document_of
from lamina.layer.doctor.mending import remake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-base-gone",
    why="Of all packages, the layer has only its own few left, and they need the others.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding, unless the base is known to be elsewhere."""
    document = document_of(patient.prefix)
    if document is None or base_is_there(document) or new_place(patient, document):
        return
    prefix, python = Path(document.base.prefix), Path(document.base.python)
    missing = python if prefix.is_dir() else prefix
    name = f" ({document.base.release})" if document.base.release else ""
    what = f"the base{name} of {patient.prefix} is gone: there is no {missing}"
    yield KIND.found(what, remake(patient.prefix), missing)


CHECK = Check(kind=KIND, find=find)
