"""Compiled modules that need a newer C or C++ library than the loader finds here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from lamina.layer.abi.binary import newest_symbols
from lamina.layer.abi.machine import offered_symbols
from lamina.layer.doctor.extensions import extensions_of, needs_of
from lamina.layer.doctor.finding import Check, Kind, several
from lamina.layer.doctor.mending import reinstall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="library-too-old",
    why="The import fails with \"version 'GLIBC...' not found\".",
)
_CXX = "libstdc++.so.6"


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each distribution with modules for a newer system."""
    around = patient.around
    if around is None or around.markers["sys_platform"] != "linux":
        return
    offered = offered_symbols(patient.environ, patient.python)
    for copy in patient.distributions.values():
        modules = [one.path for one in extensions_of(copy) if one.usable(around.suffixes)]
        wanted = {path: names for path in modules if (names := _too_new(path, offered))}
        if wanted:
            symbol = newest_symbols(one for names in wanted.values() for one in names)[0]
            group = symbol.rpartition("_")[0]
            what = (
                f"{copy.title}: {several(len(wanted), 'module')} cannot be loaded without "
                f"{symbol}; here is {group}_{offered[group]}"
            )
            yield KIND.found(what, reinstall(patient, copy), *list(wanted)[:3])


def _too_new(module: Path, offered: Mapping[str, str]) -> list[str]:
    """Return the versions of symbols that a module uses and that are not here."""
    needs = needs_of(module)
    if needs is None or any(Path(one, _CXX).exists() for one in needs.search):
        return []  # What its own search path leads to is not the machine's.
    found = []
    for symbol in newest_symbols(needs.symbols):
        group, _, version = symbol.rpartition("_")
        if group in offered and Version(version) > Version(offered[group]):
            found.append(symbol)
    return found


CHECK = Check(kind=KIND, find=find)
