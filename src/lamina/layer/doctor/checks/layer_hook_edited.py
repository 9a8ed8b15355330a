"""A layer's start-up hook is not the one that lamina writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.layers import hook_files, read_hook
from lamina.layer.doctor.mending import remake
from lamina.layer.hook import START_LINES, hook_code, is_as_written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-hook-edited",
    why="It decides what every import of the layer finds, and this one was edited.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding for the files that differ."""
    if not patient.is_layer:
        return
    differ = []
    for path in hook_files(patient.prefix):
        if is_as_written(path.parent):
            continue
        if path.is_file() and not is_of_today(path):
            differ.append(str(path))
        for name, line in START_LINES.items():
            start = path.with_name(name)
            if start.is_file() and start.read_bytes() != line.encode():
                differ.append(str(start))
    if differ:
        what = f"not the start-up hook that this lamina writes: {listed(differ)}"
        yield KIND.found(what, remake(patient.prefix), *differ)


def is_of_today(path: Path) -> bool:
    """Tell whether the code of a hook is what this lamina writes."""
    hook = read_hook(path)
    keys = {"layers", "path", "sites", "roots", "needs"}
    return hook is not None and hook.code == hook_code() and set(hook.facts) >= keys


CHECK = Check(kind=KIND, find=find)
