"""Programs of the active environment that others of the same name hide."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.checks import python_hidden
from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.mending import activate
from lamina.layer.doctor.search import is_activated, same_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="program-hidden",
    why="The command that you type is that of another installation, with other packages.",
)
_OWN = ("python", "activate", "deactivate", "pydoc", ".")


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each directory that hides some, unless it hides python as well."""
    if not is_activated(patient) or any(python_hidden.find(patient)):
        return
    programs = patient.prefix / "bin"
    own = {one for one in _names(programs) if not one.startswith(_OWN)}
    for entry in filter(None, patient.environ.get("PATH", "").split(os.pathsep)):
        if same_directory(entry, programs):
            return
        hiding = sorted(one for one in own & _names(Path(entry)) if _is_other(entry, programs, one))
        if hiding:
            what = f"{entry} comes before {programs} on PATH and hides {listed(hiding)}"
            yield KIND.found(what, activate(patient), *(f"{entry}/{one}" for one in hiding))


def _names(directory: Path) -> set[str]:
    try:
        return set(os.listdir(directory))  # noqa: PTH208
    except OSError:
        return set()


def _is_other(entry: str, programs: Path, name: str) -> bool:
    found = os.path.join(entry, name)  # noqa: PTH118
    runs = os.access(found, os.X_OK) and os.path.isfile(found)  # noqa: PTH113
    return runs and os.path.realpath(found) != os.path.realpath(programs / name)


CHECK = Check(kind=KIND, find=find)
