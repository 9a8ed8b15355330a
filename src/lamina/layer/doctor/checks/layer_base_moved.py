"""What a layer stands on is somewhere else now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import LaminaError
from lamina.layer.base import find_place
from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.layers import base_is_there, document_of
from lamina.layer.doctor.mending import remake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.base import Place
    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient
    from lamina.layer.document import LayerDocument

KIND = Kind(
    name="layer-base-moved",
    why="The layer looks for its base at the old place and finds nothing.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding when the same release is found in the root."""
    document = document_of(patient.prefix)
    place = new_place(patient, document) if document else None
    if document is not None and place is not None:
        what = f"{document.base.release} was at {document.base.prefix} and is at {place.prefix}"
        mend = remake(patient.prefix, on=place.prefix)
        yield KIND.found(what, mend, document.base.prefix, place.prefix)


def new_place(patient: Patient, document: LayerDocument) -> Place | None:
    """Return where a release is that is not where a layer's record says."""
    if document.base.release is None or base_is_there(document):
        return None
    try:
        return find_place(document.base.release, root=patient.root, environ=patient.environ)
    except LaminaError:
        return None


CHECK = Check(kind=KIND, find=find)
