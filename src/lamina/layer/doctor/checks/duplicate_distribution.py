"""Two directories of the search path have the same distribution."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import move_away
from lamina.layer.doctor.places import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.installed import Copy
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="duplicate-distribution",
    why="Which of the two you get depends on the order of the search path, and a namespace or a "
    "plugin of theirs may be a mix of both.",
)
_EVERYWHERE = frozenset({"pip", "setuptools", "wheel"})


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each copy that another one hides without being meant to."""
    for copy in patient.copies:
        first = patient.distributions[copy.key]
        if copy is first or _same_place(copy, first) or _meant(patient, first, copy):
            continue
        versions = "the same version" if copy.version == first.version else copy.version
        what = f"{first.title} in {first.location} hides {versions} in {copy.location}"
        paths = [copy.directory, *(copy.directory.parent / one for one in sorted(copy.tops))]
        mend = move_away(*(one for one in paths if one.exists()))
        yield KIND.found(what, mend, first.directory, copy.directory)


def _same_place(one: Copy, other: Copy) -> bool:
    return os.path.realpath(one.location) == os.path.realpath(other.location)


def _meant(patient: Patient, first: Copy, copy: Copy) -> bool:
    """Tell whether one hides the other on purpose, or another check says so already."""
    around = patient.around
    if around is None:
        return False
    search = {absolute(one) for one in patient.pythonpath}
    if first.location == around.user_site or first.location in around.layers:
        return True
    # Every interpreter brings these, and whatever stands on it may bring newer ones.
    if copy.location not in search and copy.key in _EVERYWHERE:
        return True
    if first.location in search and patient.stands_alone:
        return copy.location not in search
    above = around.virtual and first.location in patient.own_directories
    return above and copy.location not in patient.own_directories


CHECK = Check(kind=KIND, find=find)
