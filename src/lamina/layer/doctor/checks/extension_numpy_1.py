"""Modules compiled for numpy 1 beside numpy 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.extensions import contains
from lamina.layer.doctor.finding import Check, Kind, several
from lamina.layer.doctor.mending import install

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.installed import Copy
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="extension-for-numpy-1",
    why="The import fails, or the process crashes: 'A module that was compiled using NumPy 1.x "
    "cannot be run in NumPy 2'.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each distribution that only numpy 1 can serve.

    Modules that use pybind11 are left out: they ask numpy for its functions by name, and most work.
    """
    numpy = patient.distributions.get("numpy")
    if numpy is None or not numpy.version.partition(".")[0].isdecimal():
        return
    if int(numpy.version.partition(".")[0]) < 2:
        return
    for copy in patient.distributions.values():
        modules = [] if copy.key == "numpy" else compiled_for_numpy_1(copy)
        if modules:
            what = (
                f"{copy.title} is compiled for numpy 1 ({several(len(modules), 'module')}), but "
                f"numpy is {numpy.version}"
            )
            mend = install(patient, f"{copy.name}>{copy.version}")
            yield KIND.found(what, mend, *modules[:3])


def compiled_for_numpy_1(copy: Copy) -> list[Path]:
    """Return the modules that use numpy's C-API and know nothing of numpy 2."""
    files = [name for name, _ in copy.record if name.endswith(".so") and ".libs/" not in name]
    paths = (copy.directory.parent / name for name in files)
    return [path for path in paths if contains(path, b"_ARRAY_API", b"numpy._core", b"pybind11")]


CHECK = Check(kind=KIND, find=find)
