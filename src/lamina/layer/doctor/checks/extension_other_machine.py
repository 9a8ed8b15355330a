"""Compiled modules for another processor or operating system than the interpreter's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.extensions import extensions_of, start_of
from lamina.layer.doctor.finding import Check, Kind, several
from lamina.layer.doctor.mending import reinstall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="extension-other-machine",
    why="The import fails with 'wrong ELF class' or 'invalid ELF header'.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each distribution whose modules begin otherwise than the interpreter."""
    own = start_of(Path(patient.around.interpreter)) if patient.around else b""
    if patient.around is None or own[:4] != b"\x7fELF":
        return
    suffixes = patient.around.suffixes
    for copy in patient.distributions.values():
        files = [one.path for one in extensions_of(copy) if one.usable(suffixes)]
        wrong = [path for path in files if start_of(path) not in {own, b""}]
        if wrong:
            what = f"{copy.title}: {several(len(wrong), 'compiled module')} for another machine"
            yield KIND.found(what, reinstall(patient, copy), *wrong[:3])


CHECK = Check(kind=KIND, find=find)
