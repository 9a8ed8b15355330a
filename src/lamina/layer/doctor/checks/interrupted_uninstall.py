"""What pip puts aside while it replaces a package, and was stopped before it removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.mending import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="interrupted-uninstall",
    why="pip warns of an invalid distribution ever after, and the space is lost.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding for each directory."""
    for directory in patient.directories:
        left = [one for one in directory.names if one.startswith("~") and one != "~lamina.pth"]
        if left:
            paths = [f"{directory.path}/{one}" for one in left]
            what = f"{directory.path} has what an interrupted pip left: {listed(left)}"
            yield KIND.found(what, quoted("rm", "-r", *paths), *paths)


CHECK = Check(kind=KIND, find=find)
