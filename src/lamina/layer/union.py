"""The union of a base, a layer and its requests, as a question to the solver."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lamina.core.errors import NotSupportedError, UsageError
from lamina.engines.uv_compile import KnownPackage, Union
from lamina.layer.requirements import stated_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.probe import BaseProbe, Distribution
    from lamina.layer.abi.bounds import Bound
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is there before a request: the base, and the layer's own packages."""

    base: Mapping[PackageName, Distribution]
    own: Mapping[PackageName, Distribution]
    managed: Mapping[PackageName, tuple[str, ...]]
    """Those of the layer's own that lamina has put there, and why."""
    environment: Mapping[str, str]
    """Values of the PEP 508 markers."""
    unversioned: Mapping[PackageName, Distribution] = field(default_factory=dict)
    """What else the base has, without any version that could be compared."""
    bounds: tuple[Bound, ...] = ()
    """Requirements that no metadata states."""
    protected: frozenset[PackageName] = frozenset()
    """Those of the base that stay at their version."""
    unindexed: frozenset[PackageName] = frozenset()
    """Those of the base that are of no index: what an index has of the name may be another's."""
    met: Mapping[PackageName, tuple[str, ...]] = field(default_factory=dict)
    """What the packages of the base need and have there: all that is asked of it for them."""

    @property
    def foreign(self) -> dict[PackageName, Distribution]:
        """What somebody else installed into the layer: it stays as it is."""
        return {name: one for name, one in self.own.items() if name not in self.managed}

    @property
    def own_versions(self) -> dict[PackageName, str]:
        """The versions of the layer's own packages."""
        return {name: one.version for name, one in self.own.items()}

    @property
    def versions(self) -> dict[PackageName, str]:
        """The versions of all that can be imported."""
        return {name: one.version for name, one in self.base.items()} | self.own_versions


def ground_of(
    base: BaseProbe, own: Iterable[Distribution], managed: Mapping[PackageName, tuple[str, ...]]
) -> Ground:
    """Return the ground; what has no PEP 440 version is no part of what is resolved."""
    environment = {name: str(value) for name, value in default_environment().items()}
    environment |= {
        "python_version": base.series,
        "python_full_version": base.version,
        "implementation_version": base.version,
        "extra": "",
    }
    other = (one for one in base.distributions if not is_version(one.version))
    there = _by_name(base.distributions)
    versions = _versions(there)
    return Ground(
        base=there,
        met={name: _met(one, versions, environment) for name, one in there.items()},
        unversioned={canonicalize_name(one.key): one for one in (*base.unrecorded, *other)},
        own=_by_name(own),
        managed=managed,
        environment=environment,
    )


def _by_name(distributions: Iterable[Distribution]) -> dict[PackageName, Distribution]:
    return {canonicalize_name(one.key): one for one in distributions if is_version(one.version)}


def is_version(text: str) -> bool:
    """Tell whether a version is PEP 440."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def parse_requests(texts: Iterable[str]) -> list[Requirement]:
    """Return the requirements that a user typed; raises UsageError on what is none."""
    found = []
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            raise UsageError(
                f"{text!r} is neither a layer nor a requirement such as 'numpy>=2'"
            ) from None
        if requirement.url:
            raise NotSupportedError(
                f"{text!r}: a layer takes packages from the index only",
                hints=[f"activate the layer, then: {_by_hand(requirement.url)}"],
            )
        found.append(requirement)
    return found


def _by_hand(url: str) -> str:
    return shlex.join(["uv", "pip", "install", "--no-deps", url])


def merged(requests: Iterable[str], new: Iterable[Requirement]) -> list[str]:
    """Return all requests; a new one takes the place of what was asked of the package before."""
    kept = {canonicalize_name(Requirement(text).name): text for text in requests}
    kept |= {canonicalize_name(one.name): str(one) for one in new}
    return [kept[name] for name in sorted(kept)]


def union_of(
    ground: Ground, requests: Iterable[str], preferences: Mapping[PackageName, str]
) -> Union:
    """Return what has to hold together: every name of the base, what is foreign, the requests.

    No package goes below the version of the base, unless a request for it says so: solvers step
    down to older versions with laxer metadata that are broken all the same.
    """
    pins = {name: one.version for name, one in ground.base.items()} | dict(preferences)
    return Union(
        requirements=(*sorted(ground.base), *_foreign_pins(ground), *requests),
        constraints=(*_floors(ground, requests), *_excluded(ground)),
        preferences=_pinned(pins),
        known=tuple(_known(ground)),
    )


def narrow_union_of(ground: Ground, requests: Iterable[str]) -> Union:
    """Return what the requests alone need; all that is there counts where they lead to it."""
    return Union(
        requirements=tuple(requests),
        constraints=(*_floors(ground, requests), *_foreign_pins(ground)),
        preferences=_pinned(ground.versions),
        known=tuple(_known(ground)),
    )


def _pinned(versions: Mapping[PackageName, str]) -> tuple[str, ...]:
    return tuple(f"{name}=={version}" for name, version in sorted(versions.items()))


def _foreign_pins(ground: Ground) -> tuple[str, ...]:
    return _pinned(_versions(ground.foreign))


def _floors(ground: Ground, requests: Iterable[str]) -> Iterable[str]:
    """Yield the bounds below which no package of the base goes, and pins of what is protected.

    What is of no index stays as well, unless a request names it.
    """
    asked = [Requirement(text) for text in requests]
    pinned = ground.protected | (ground.unindexed - {canonicalize_name(one.name) for one in asked})
    free = {canonicalize_name(one.name) for one in asked if _below(one, ground)}
    for name, one in sorted(ground.base.items()):
        if name in pinned:
            yield f"{name}=={one.version}"
        elif name not in free and name not in ground.foreign:
            # A range cannot name the local part of a version (6.30+site).
            yield f"{name}>={Version(one.version).public}"


def _excluded(ground: Ground) -> Iterable[str]:
    """Yield what keeps versions out that do not work here."""
    bounds = [one for one in ground.bounds if one.package not in ground.unversioned]
    fixed = [one for one in ground.bounds if one.package in ground.unversioned]
    excluded = {one.requirement for one in bounds if one.excludes}
    # What the solver does not know of cannot be lifted, so the others have to suit it.
    return sorted(excluded | {one.requirement for one in fixed if not one.excludes})


def _below(request: Requirement, ground: Ground) -> bool:
    """Tell whether a request cannot be met by the base's version or by the floor itself."""
    there = ground.base.get(canonicalize_name(request.name))
    return there is not None and not request.specifier.contains(there.version, prereleases=True)


def _known(ground: Ground) -> Iterable[KnownPackage]:
    """Yield base and foreign packages with the dependencies that are met where they are.

    What the base itself leaves open (waived dependencies, conflicts it was published with) is no
    matter of the layer's.
    """
    bound = {(one.package, one.version) for one in ground.bounds}
    # Of what lamina has put there the index tells, but for the bounds.
    told = {
        name: one
        for name, one in ground.own.items()
        if name in ground.foreign or (name, one.version) in bound
    }
    versions = ground.versions
    met = {name: _met(one, versions, ground.environment) for name, one in told.items()}
    for there, needs in ((ground.base, ground.met), (told, met)):
        for name, one in sorted(there.items()):
            yield KnownPackage(
                name=name,
                version=one.version,
                requires=(*needs[name], *_injected(ground, name, one.version)),
                extras=one.extras,
            )


def _injected(ground: Ground, name: PackageName, version: str) -> list[str]:
    """Return what a version needs beyond its metadata."""
    return [
        one.requirement
        for one in ground.bounds
        if (one.package, one.version) == (name, version) and not one.excludes
    ]


def _versions(distributions: Mapping[PackageName, Distribution]) -> dict[PackageName, str]:
    return {name: one.version for name, one in distributions.items()}


def _met(
    one: Distribution, versions: Mapping[PackageName, str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the requirements of a distribution that hold among ``versions``, and its extras'."""
    found = []
    for requirement in stated_requirements(one):
        if requirement.url:
            continue
        if requirement.marker and "extra" in str(requirement.marker):
            found.append(requirement)
        elif applies(requirement, environment):
            there = versions.get(canonicalize_name(requirement.name))
            if there and requirement.specifier.contains(there, prereleases=True):
                found.append(requirement)
    return tuple(map(str, found))


def applies(requirement: Requirement, environment: Mapping[str, str]) -> bool:
    """Tell whether a requirement counts here, without any extra."""
    return requirement.marker is None or requirement.marker.evaluate(dict(environment))


def broken_by(
    one: Distribution, versions: Mapping[PackageName, str], environment: Mapping[str, str]
) -> list[Requirement]:
    """Return the requirements of a distribution that other versions no longer meet."""
    return [
        requirement
        for requirement in stated_requirements(one)
        if applies(requirement, environment)
        and (there := versions.get(canonicalize_name(requirement.name))) is not None
        and not requirement.specifier.contains(there, prereleases=True)
    ]
