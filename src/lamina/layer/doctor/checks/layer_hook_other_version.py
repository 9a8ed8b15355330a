"""A layer's start-up hook was written by another version of lamina."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.checks.layer_hook_edited import is_of_today
from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.layers import hook_files
from lamina.layer.doctor.mending import quoted, record_of, remake
from lamina.layer.hook import is_as_written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-hook-other-version",
    why="It works as that version did: what has been mended since is not mended in this layer.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding; any change of a layer writes its hook anew."""
    if not patient.is_layer:
        return
    hooks = [one for one in hook_files(patient.prefix) if is_as_written(one.parent)]
    other = [str(one) for one in hooks if not is_of_today(one)]
    if not other:
        return
    document = record_of(patient.prefix)
    if document is not None and document.requests:
        mend = quoted("lamina", "layer", "add", patient.prefix, document.requests[0])
    else:
        mend = remake(patient.prefix)
    what = f"the start-up hook is of another version of lamina: {listed(other)}"
    yield KIND.found(what, mend, *other)


CHECK = Check(kind=KIND, find=find)
