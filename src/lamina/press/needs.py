"""What a distribution needs, as a conda package says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from lamina.model.platforms import Platform
from lamina.press.markers import Reach, series_of
from lamina.press.names import conda_name, conda_spec
from lamina.press.pythons import NOT_FREE_THREADED, abi_spec, series_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.requirements import Requirement

    from lamina.model.platforms import PythonSeries, Target
    from lamina.press.distribution import Distribution
    from lamina.press.markers import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The dependencies of a package, as MatchSpecs."""

    depends: tuple[str, ...]
    """Python first."""
    constrains: tuple[str, ...]
    """What must hold of a package if it is there: the requirements of extras."""
    warnings: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Reckoner:
    """Works out what one distribution needs."""

    one: Distribution
    target: Target
    names: Mapping[str, str]
    known: Mapping[str, Distribution]
    """Whose extras can be looked into."""
    with_extras: bool
    """Let requirements of extras constrain what is there."""
    warnings: list[str] = field(default_factory=list)
    python: bool = False
    """The package is for one series, because of a marker."""
    system: bool = False
    reach: Reach = field(init=False)

    def __post_init__(self) -> None:
        platforms = tuple(Platform) if self.one.build.pure else (self.target.platform,)
        series = self._series() if self.one.any_python else (self.target.python,)
        self.reach = Reach(target=self.target, series=series, platforms=platforms)

    def needs(self) -> Needs:
        """Return everything."""
        specs = sorted(set(self._specs(self.one, frozenset(), set())))
        constrains = sorted(set(self._constrains())) if self.with_extras else []
        heads = [self._python_spec(), *self._of_build()]
        if self.python:
            heads.append(series_spec(self.target.python))
        if self.system:
            heads.append(f"__{self.target.platform.partition('-')[0]}")
        bounded = any(one.startswith("python ") for one in heads)
        heads = [one for one in heads if one != "python" or not bounded]
        return Needs(
            depends=tuple(dict.fromkeys([*heads, *specs])),
            constrains=tuple(constrains),
            warnings=tuple(dict.fromkeys(self.warnings)),
        )

    def _series(self) -> tuple[PythonSeries, ...]:
        oldest = self.one.build.series
        found = series_of(self._requires_python())
        return tuple(s for s in found if oldest is None or s >= oldest)

    def _requires_python(self) -> SpecifierSet:
        text = self.one.metadata.get("Requires-Python") or ""
        try:
            return SpecifierSet(text)
        except InvalidSpecifier:
            self.warnings.append(f"Requires-Python {text!r} is no specifier: any Python")
            return SpecifierSet()

    def _python_spec(self) -> str:
        wanted = self._requires_python()
        oldest = self.one.build.series
        if self.one.build.abi == "stable" and oldest is not None:
            wanted &= SpecifierSet(f">={oldest}")
        return conda_spec("python", wanted)

    def _of_build(self) -> list[str]:
        build = self.one.build
        match build.abi:
            case "exact":
                python = self.target.python
                return [series_spec(python), abi_spec(python), *build.system]
            case "stable":
                return [NOT_FREE_THREADED, *build.system]
            case "none":
                return list(build.system)

    def _specs(
        self, one: Distribution, extras: frozenset[str], seen: set[tuple[str, str]]
    ) -> Iterator[str]:
        """Yield what a distribution needs with some extras; conda has none, theirs are put in."""
        for requirement in one.requirements:
            found = [self.reach.decide(requirement.marker, extra) for extra in extras or {""}]
            for decision in found:
                self._note(requirement, decision)
            if not any(decision.holds for decision in found):
                continue
            yield self._spec(requirement)
            name = canonicalize_name(requirement.name)
            wanted = {extra for extra in requirement.extras if (name, extra) not in seen}
            seen.update((name, extra) for extra in wanted)
            if wanted and name in self.known:
                yield from self._specs(self.known[name], frozenset(wanted), seen)
            elif wanted:
                self.warnings.append(
                    f"{requirement}: what its extra needs is not known here, and left out"
                )

    def _note(self, requirement: Requirement, decision: Decision) -> None:
        if decision.always:
            return
        self.python |= decision.python
        self.system |= decision.system
        where = str(self.target.python) if decision.python else ""
        system = self.target.platform.partition("-")[0] if decision.system else ""
        what = "needed" if decision.holds else "not needed"
        place = " on ".join(filter(None, ["Python " + where if where else "", system]))
        self.warnings.append(f"{requirement}: {what} with {place}, so the package is for that only")
        if decision.machine:
            self.warnings.append(f"{requirement}: decided for {self.target.platform}")

    def _spec(self, requirement: Requirement) -> str:
        if requirement.url:
            self.warnings.append(f"{requirement}: conda has no addresses, so any version")
        return conda_spec(conda_name(requirement.name, self.names), requirement.specifier)

    def _constrains(self) -> Iterator[str]:
        """Yield what the requirements of extras let in, where that is not everything."""
        extras = [canonicalize_name(one) for one in self.one.metadata.get_all("Provides-Extra", [])]
        for requirement in self.one.requirements:
            marker = requirement.marker
            name = canonicalize_name(requirement.name)
            if "extra" not in str(marker) or name == self.one.name or not requirement.specifier:
                continue
            plain = self.reach.decide(marker)
            found = [self.reach.decide(marker, extra) for extra in extras]
            if plain.holds or not any(decision.holds for decision in found):
                continue
            if all(decision.always for decision in found):
                yield self._spec(requirement)
            else:
                self.warnings.append(f"{requirement}: not everywhere, and so no constraint")
