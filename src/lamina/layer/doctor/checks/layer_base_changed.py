"""What a layer stands on has other packages than when it was resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import DocumentError
from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.layers import base_is_there, base_now, document_of
from lamina.layer.doctor.mending import remake
from lamina.layer.document import load_layer_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-base-changed",
    why="Base and layer were resolved to fit each other, and one of them is another one now.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding when the base's digest is not the one recorded."""
    document = document_of(patient.prefix)
    if document is None or not base_is_there(document):
        return
    recorded = document.base.digest
    try:
        lock = load_layer_lock(patient.prefix)
    except DocumentError:
        return
    if lock is not None:
        recorded = lock.base_digest
    now = base_now(document, patient.environ)
    if now is None or now.series != ".".join(document.base.version.split(".")[:2]):
        return  # There is a check for that.
    if now.digest != recorded:
        what = (
            f"{document.base.prefix} has {len(now.distributions)} packages of other versions "
            f"than when the layer was resolved ({recorded[:12]}, now {now.digest[:12]})"
        )
        yield KIND.found(what, remake(patient.prefix), document.base.prefix)


CHECK = Check(kind=KIND, find=find)
