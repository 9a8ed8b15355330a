"""Compiled modules that need a shared library which is nowhere to be found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.elf import VENDORED
from lamina.layer.doctor.extensions import extensions_of, needs_of
from lamina.layer.doctor.finding import Check, Kind, listed, several
from lamina.layer.doctor.libraries import library_directories
from lamina.layer.doctor.mending import reinstall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="library-missing",
    why="The import fails with 'cannot open shared object file'.",
)
_OF_DRIVERS = ("libcuda.so", "libnvidia", "libamdhip", "libhsa-", "libze_", "libOpenCL")
"""Libraries that come with hardware: a package that can use it is not broken without."""


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each distribution that cannot be loaded without a library.

    A library that any distribution brings counts as found, wherever it is: many are loaded by the
    Python code of a package before the modules that need them.
    """
    around = patient.around
    if around is None or around.markers["sys_platform"] != "linux":
        return
    own = [Path(one) / "lib" for one in (patient.prefix, around.base_prefix)]
    counting = patient.distributions.values()
    known = _Known(library_directories(patient.environ, *own))
    known.add(name.rpartition("/")[2] for copy in counting for name, _ in copy.record)
    for copy in counting:
        modules = [one.path for one in extensions_of(copy) if one.usable(around.suffixes)]
        lacking = {path: names for path in modules if (names := known.lacking(path))}
        libraries = sorted({name for names in lacking.values() for name in names})
        if _is_broken(libraries, len(lacking), len(modules)):
            count = several(len(lacking), "module")
            what = f"{copy.title}: {count} cannot be loaded without {listed(libraries)}"
            yield KIND.found(what, reinstall(patient, copy), *list(lacking)[:3])


def _is_broken(libraries: list[str], lacking: int, modules: int) -> bool:
    """Tell a broken distribution from one with a module for what is optional."""
    return bool(libraries) and (
        2 * lacking >= modules or any(VENDORED.search(one) for one in libraries)
    )


class _Known:
    """The libraries of the loader's directories, each directory read once."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._read: dict[str, frozenset[str]] = {}
        self._names = {name for one in directories for name in self._in(one)}

    def add(self, names: Iterable[str]) -> None:
        self._names.update(names)

    def lacking(self, module: Path) -> list[str]:
        """Return the libraries that a module needs and that are nowhere."""
        needs = needs_of(module)
        if needs is None:
            return []
        return [
            name
            for name in needs.names
            if name not in self._names
            and "/" not in name
            and not name.startswith(_OF_DRIVERS)
            and not any(name in self._in(one) for one in needs.search)
        ]

    def _in(self, directory: str) -> frozenset[str]:
        if directory not in self._read:
            try:
                self._read[directory] = frozenset(os.listdir(directory))  # noqa: PTH208
            except OSError:
                self._read[directory] = frozenset()
        return self._read[directory]


CHECK = Check(kind=KIND, find=find)
