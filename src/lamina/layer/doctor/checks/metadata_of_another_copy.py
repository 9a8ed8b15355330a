"""The metadata that is found belongs to other files than those that are imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import move_away, with_pythonpath
from lamina.layer.doctor.places import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.installed import Copy, Directory
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="metadata-of-another-copy",
    why="The version that pip and other programs read is not that of the code that runs.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each module that comes from a directory without its metadata."""
    for copy in patient.distributions.values():
        hiding = _hiding(patient, copy)
        if hiding is None:
            continue
        directory, module = hiding
        what = (
            f"the metadata of {copy.title} is in {copy.location}, but 'import {module}' takes "
            f"{directory.path}/{module}, which no metadata describes"
        )
        given = [one for one in patient.pythonpath if absolute(one) == directory.path]
        files = [f"{directory.path}/{one}" for one in directory.names if one in _names(module)]
        mend = move_away(*files)
        if given:
            kept = [one for one in patient.pythonpath if one not in given]
            mend = with_pythonpath(patient, kept)
        yield KIND.found(what, mend, f"{directory.path}/{module}", copy.directory)


def _names(module: str) -> set[str]:
    return {module, f"{module}.py"}


def _hiding(patient: Patient, copy: Copy) -> tuple[Directory, str] | None:
    if copy.editable:
        return None
    modules = {top.removesuffix(".py") for top in copy.tops}
    for directory in patient.directories:
        if directory.path == copy.location:
            return None
        owned = {top.partition(".")[0] for one in directory.copies for top in one.tops}
        for module in sorted(modules & directory.modules - owned):
            return directory, module
    return None


CHECK = Check(kind=KIND, find=find)
