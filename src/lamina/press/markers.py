"""Environment markers in packages that serve many Pythons and systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.model.platforms import Platform, PythonSeries, Target

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

_NEWEST = 24
"""Python 3.x: later than any that a marker of today tells from its predecessor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a requirement holds."""

    holds: bool
    """For the target."""
    python: bool = False
    """It would not be so for every Python."""
    system: bool = False
    """It would not be so on every operating system."""
    machine: bool = False
    """It would not be so on every processor of the system, which noarch cannot say."""

    @property
    def always(self) -> bool:
        """Whether it is the same wherever the package may be installed."""
        return not (self.python or self.system)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where one package may be installed."""

    target: Target
    series: tuple[PythonSeries, ...]
    platforms: tuple[Platform, ...]

    def decide(self, marker: Marker | None, extra: str = "") -> Decision:
        """Evaluate a marker everywhere; patch level and kernel are taken as newest."""
        if marker is None:
            return Decision(holds=True)
        target = self.target
        series = dict.fromkeys((*self.series, target.python))
        table = {
            (platform, one): _holds(marker, platform, one, extra)
            for platform in dict.fromkeys((*self.platforms, target.platform))
            for one in series
        }
        by_system = [
            {(_system(platform), holds) for (platform, s), holds in table.items() if s == one}
            for one in series
        ]
        system = any(len({holds for _, holds in found}) > 1 for found in by_system)
        # For one system only, what another's Pythons would need no longer counts.
        near = {p for p, _ in table if not system or _system(p) == _system(target.platform)}
        return Decision(
            holds=table[target.platform, target.python],
            python=any(len({table[p, one] for one in series}) > 1 for p in near),
            system=system,
            machine=any(len({table[p, one] for p in near}) > 1 for one in series) and system,
        )


def _system(platform: Platform) -> str:
    return platform.partition("-")[0]


def _holds(marker: Marker, platform: Platform, series: PythonSeries, extra: str) -> bool:
    return marker.evaluate(Target(platform, series).marker_environment() | {"extra": extra})


def series_of(requires_python: SpecifierSet) -> tuple[PythonSeries, ...]:
    """Return the series of Python 3 that a Requires-Python lets in, with those to come."""
    found = (PythonSeries(3, minor) for minor in range(_NEWEST + 1))
    return tuple(
        one
        for one in found
        if any(requires_python.contains(f"{one}.{patch}", prereleases=True) for patch in (0, 99))
    )
