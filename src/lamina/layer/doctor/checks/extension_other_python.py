"""Compiled modules for another Python, or another platform, than the one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.extensions import extensions_of
from lamina.layer.doctor.finding import Check, Kind, several
from lamina.layer.doctor.mending import reinstall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lamina.layer.doctor.extensions import Extension
    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.installed import Copy
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="extension-other-python",
    why="The interpreter does not even look at files of these names, so the import says that "
    "there is no such module.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each distribution with modules that have no file for this Python."""
    if patient.around is None:
        return
    for copy in patient.distributions.values():
        wrong = unusable(copy, patient.around.suffixes)
        if wrong:
            tags = ", ".join(sorted({one.tag for one in wrong}))
            what = (
                f"{copy.title}: {several(len(wrong), 'compiled module')} for {tags}, but this is "
                f"Python {patient.around.version} on {patient.around.markers['platform_machine']}"
            )
            yield KIND.found(what, reinstall(patient, copy), *(one.path for one in wrong[:3]))


def unusable(copy: Copy, suffixes: Sequence[str]) -> list[Extension]:
    """Return the modules of which no file has an ending that the interpreter imports."""
    groups: dict[object, list[Extension]] = {}
    for one in extensions_of(copy):
        groups.setdefault(one.place, []).append(one)
    wrong = []
    for files in groups.values():
        usable = any(one.usable(suffixes) for one in files)
        first = files[0].path
        replaced = any(first.with_name(files[0].stem + end).exists() for end in (".py", ".so"))
        # Wheels for every platform bring some for single ones, for a debugger to load elsewhere.
        spare = files[0].path.suffix == ".pyd" and copy.fits_everywhere
        if not usable and not replaced and not spare:
            wrong.append(files[0])
    return wrong


CHECK = Check(kind=KIND, find=find)
