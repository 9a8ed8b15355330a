"""Files of a layer's own packages are not as they were installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.layer.doctor.checks.duplicate_metadata import is_as_recorded
from lamina.layer.doctor.finding import Check, Kind, listed, several
from lamina.layer.doctor.mending import forget, remake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-files-changed",
    why="What runs is not what the layer's lock says, so nobody can reproduce it.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each distribution whose files differ from its RECORD."""
    layers = patient.around.layers if patient.around else ()
    own = layers[:1] or patient.path
    if not patient.is_layer:
        return
    for copy in patient.copies:
        if copy.location not in own or copy.editable:
            continue
        changed = [
            path
            for path, hashed in copy.record
            if hashed and not is_as_recorded(copy, path, hashed)
        ]
        if changed:
            what = f"{copy.title}: {several(len(changed), 'file')} changed ({listed(changed)})"
            paths = [f"{copy.location}/{one}" for one in changed]
            mend = remake(patient.prefix)
            if any(_is_shared(one) for one in paths):
                # An edit of a hard link has changed uv's cache, from where it would come again.
                mend = f"{forget(copy.name)} && {mend}"
            yield KIND.found(what, mend, *paths)


def _is_shared(path: str) -> bool:
    try:
        return os.stat(path).st_nlink > 1  # noqa: PTH116
    except OSError:
        return False


CHECK = Check(kind=KIND, find=find)
