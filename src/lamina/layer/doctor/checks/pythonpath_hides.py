"""PYTHONPATH names an installation whose packages come before those of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.checks import pythonpath_other_layer, pythonpath_other_series
from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.mending import with_pythonpath
from lamina.layer.doctor.places import absolute, environment_of, inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.installed import Directory
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="pythonpath-hides-environment",
    why="What you install into the environment is not what you import.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each such entry, unless it is wrong in another way as well."""
    if patient.around is None or not patient.stands_alone:
        return
    others = (pythonpath_other_layer, pythonpath_other_series)
    reported = {place for one in others for found in one.find(patient) for place in found.places}
    entries = {absolute(one): one for one in patient.pythonpath if one not in reported}
    for number, directory in enumerate(patient.directories):
        entry = entries.get(directory.path)
        if entry is None or any(inside(entry, one) for one in patient.around.roots):
            continue
        own = [one for one in patient.directories[number + 1 :] if one.path not in entries]
        hidden = _hidden(directory, own)
        if hidden:
            kept = [one for one in patient.pythonpath if one != entry]
            what = f"{entry} on PYTHONPATH comes before {patient.prefix}: {listed(hidden)}"
            yield KIND.found(what, with_pythonpath(patient, kept), entry)


def _hidden(directory: Directory, own: list[Directory]) -> list[str]:
    """Return what of an environment a directory hides; a user's own sources hide on purpose."""
    if not directory.copies and environment_of(directory.path) is None:
        return []
    below = {copy.key: copy for one in reversed(own) for copy in one.copies}
    hidden = [
        f"{copy.title} hides {below[copy.key].version}"
        for copy in directory.copies
        if copy.key in below
    ]
    tops = {top for copy in directory.copies if copy.key in below for top in copy.tops}
    modules = {name for one in own for name in one.modules}
    return hidden + sorted(f"module {one}" for one in (directory.modules & modules) - tops)


CHECK = Check(kind=KIND, find=find)
