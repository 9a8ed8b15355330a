"""A metadata directory that does not say what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import install, move_away

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="metadata-broken",
    why="The distribution counts as not installed, or makes pip stop, though its files are there.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each such directory."""
    for directory in patient.directories:
        for name in directory.broken:
            path = f"{directory.path}/{name}"
            package = name.removesuffix(".dist-info").partition("-")[0]
            mend = f"{move_away(path)} && {install(patient, package)}"
            yield KIND.found(f"{path} gives no name and version", mend, path)


CHECK = Check(kind=KIND, find=find)
