"""A layer's interpreter is of another version than when it was made, or gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.layers import base_is_there, document_of
from lamina.layer.doctor.mending import remake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="layer-interpreter-changed",
    why="Packages of a layer are for one series of Python: another does not see them.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding; where the whole base is gone, another check says so."""
    document = document_of(patient.prefix)
    if document is None or not base_is_there(document):
        return
    python, before = patient.prefix / "bin" / "python", document.base.version
    if patient.around is None:
        end = f"leads to {python.readlink()}" if python.is_symlink() else "is not there"
        what = f"{python} {end}, and does not start: {patient.answer}"
    elif _series(patient.around.version) != _series(before):
        what = f"{patient.prefix} was made with Python {before}; it is {patient.around.version} now"
    else:
        return
    yield KIND.found(what, remake(patient.prefix), python)


def _series(version: str) -> list[str]:
    return version.split(".")[:2]


CHECK = Check(kind=KIND, find=find)
