"""The user's own site directory (~/.local) hides packages of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.mending import set_variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="user-site-hides",
    why="Whatever was once installed with 'pip install --user' wins over the environment, in "
    "every environment of this Python series, and only for you.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding for all packages that are hidden."""
    around = patient.around
    if around is None or not around.user_site_counts or around.user_site not in patient.path:
        return
    at = patient.path.index(around.user_site)
    later = set(patient.path[at + 1 :])
    below = {one.key: one for one in reversed(patient.copies) if one.location in later}
    hidden = [
        f"{one.title} hides {below[one.key].version}"
        for one in patient.copies
        if one.location == around.user_site and one.key in below
    ]
    if hidden:
        what = f"{around.user_site} comes before {patient.prefix}: {listed(hidden)}"
        mend = set_variable("PYTHONNOUSERSITE", "1", patient.environ)
        yield KIND.found(what, mend, around.user_site)


CHECK = Check(kind=KIND, find=find)
