"""What the distributions of an environment require of each other."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.layer.doctor.installed import Copy
    from lamina.layer.doctor.patient import Patient

_OPTIONAL = re.compile(r";[^;]*\bextra\s*==")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One distribution requires another."""

    who: Copy
    requirement: Requirement

    @property
    def key(self) -> str:
        """Normalised name of what is required."""
        return canonicalize_name(self.requirement.name)

    @property
    def text(self) -> str:
        """The requirement without its marker: ``numpy>=2``."""
        extras = f"[{','.join(sorted(self.requirement.extras))}]" if self.requirement.extras else ""
        return f"{self.requirement.name}{extras}{self.requirement.specifier}"

    def met_by(self, copy: Copy) -> bool:
        """Tell whether a version is allowed; one that is no version by PEP 440 is."""
        try:
            return self.requirement.specifier.contains(copy.version, prereleases=True)
        except InvalidVersion:
            return True


def unmet_demands(patient: Patient) -> Iterator[Demand]:
    """Yield what is required and not there in a version that will do, as ``pip check`` does.

    Extras do not count, nor what the release's stack has waived, nor what packages of the operating
    system say: its own dependencies hold them together.
    """
    if patient.around is None:
        return
    environment = {**patient.around.markers, "extra": ""}
    waived = _waived(patient)
    for who in patient.distributions.values():
        for text in () if who.of_the_system else who.requires:
            demand = _demand(who, text, environment)
            if demand is None or (who.key, demand.key) in waived:
                continue
            there = patient.distributions.get(demand.key)
            if there is None or not demand.met_by(there):
                yield demand


def _demand(who: Copy, text: str, environment: Mapping[str, str]) -> Demand | None:
    if _OPTIONAL.search(text) and " or " not in text:
        return None
    try:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            return Demand(who=who, requirement=requirement)
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
        return None
    return None


def _waived(patient: Patient) -> set[tuple[str, str]]:
    """Return who may lack what, by the stacks of the releases that are on the search path."""
    found: set[tuple[str, str]] = set()
    prefixes = {copy.directory.parents[3] for copy in patient.copies if _is_deep(copy.directory)}
    for prefix in prefixes:
        try:
            stack = tomllib.loads((prefix / ".lamina" / "stack.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for name, entry in stack.get("packages", {}).items():
            for what in entry.get("waive", ()) if isinstance(entry, dict) else ():
                found.add((canonicalize_name(name), canonicalize_name(what)))
    return found


def _is_deep(path: Path) -> bool:
    return len(path.parts) > 5
