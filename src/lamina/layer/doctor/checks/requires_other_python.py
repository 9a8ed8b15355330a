"""A distribution that says it does not work with this Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="requires-other-python",
    why="It was put here by hand or by copying, and may use what this Python does not have.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each such distribution."""
    if patient.around is None:
        return
    for copy in patient.distributions.values():
        try:
            allowed = SpecifierSet(copy.requires_python)
        except InvalidSpecifier:
            continue
        if not allowed.contains(patient.around.version, prereleases=True):
            what = f"{copy.title} needs Python {allowed}, but this is {patient.around.version}"
            yield KIND.found(what, install(patient, copy.name, again=True), copy.directory)


CHECK = Check(kind=KIND, find=find)
