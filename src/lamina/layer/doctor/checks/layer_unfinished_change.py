"""A change of a layer was stopped before it was done or undone."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.layers import document_of
from lamina.layer.doctor.mending import quoted
from lamina.layer.transaction import INTERNAL, JOURNAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-unfinished-change",
    why="Files of the old and of the new state are mixed until the next command of lamina puts the "
    "old one back.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding, unless the change is under way."""
    internal = patient.prefix / INTERNAL
    if not patient.is_layer or _holder_lives(internal / "lock"):
        return
    left = [one for one in [internal / JOURNAL, *internal.glob("stage-*")] if one.exists()]
    if left:
        document = document_of(patient.prefix)
        # Any command that takes hold of the layer undoes it first.
        request = document.requests[0] if document and document.requests else "pip"
        mend = quoted("lamina", "layer", "add", patient.prefix, request, "--dry-run")
        yield KIND.found(f"a change of {patient.prefix} was stopped half-way", mend, *left)


def _holder_lives(lock: Path) -> bool:
    """Tell whether the process that holds a layer is there; looking does not take the lock."""
    try:
        holder = re.search(r"\d+", lock.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return False
    if holder is None:
        return False
    try:
        os.kill(int(holder[0]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


CHECK = Check(kind=KIND, find=find)
