"""A distribution's metadata is there, and modules or libraries that it lists are not."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind, several
from lamina.layer.doctor.mending import reinstall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.installed import Copy
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="metadata-without-files",
    why="pip says that it is installed and installs nothing, while the import fails.",
)
_LOADED = re.compile(r"\.(?:py|pyd|so(?:\.[\w.]+)?)$")


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each such distribution; those of a layer have a check of their own."""
    layers = patient.around.layers if patient.around else ()
    for copy in patient.distributions.values():
        if copy.editable or copy.location in layers[:1]:
            continue
        files, missing = missing_modules(copy)
        if missing:
            what = (
                f"{copy.title}: {several(files, 'module')} recorded, {len(missing)} missing, "
                f"such as {missing[0]}"
            )
            places = (copy.directory, *(f"{copy.location}/{one}" for one in missing[:3]))
            yield KIND.found(what, reinstall(patient, copy), *places)


def missing_modules(copy: Copy) -> tuple[int, list[str]]:
    """Return how many modules and libraries a RECORD lists, and those that are not there."""
    files = [
        path for path, _ in copy.record if _LOADED.search(path) and not path.startswith(("..", "/"))
    ]
    # A listing a directory: on a network file system each question costs a round trip.
    there: dict[str, frozenset[str]] = {}
    missing = []
    for path in files:
        directory, _, name = path.rpartition("/")
        if directory not in there:
            there[directory] = _names(os.path.join(copy.location, directory))  # noqa: PTH118
        if name not in there[directory]:
            missing.append(path)
    return len(files), missing


def _names(directory: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(directory))  # noqa: PTH208
    except OSError:
        return frozenset()


CHECK = Check(kind=KIND, find=find)
