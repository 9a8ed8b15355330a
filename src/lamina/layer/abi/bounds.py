"""Bounds that no metadata states: what compiled modules need of numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.layer.abi.scan import Scan
    from lamina.model.names import PackageName

NUMPY = canonicalize_name("numpy")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Bound:
    """A requirement that a package has without saying so."""

    package: PackageName
    version: str
    requirement: str
    """Of another package; of the package itself where that version must not be used."""
    reason: str

    @property
    def excludes(self) -> bool:
        """Whether the version of the package itself is what must not be used."""
        return canonicalize_name(Requirement(self.requirement).name) == self.package

    def broken_by(self, versions: Mapping[PackageName, str]) -> bool:
        """Tell whether versions, with this package among them, do not meet the bound."""
        requirement = Requirement(self.requirement)
        there = versions.get(canonicalize_name(requirement.name))
        return there is not None and not requirement.specifier.contains(there, prereleases=True)


def numpy_bounds(
    scans: Iterable[Scan], versions: Mapping[PackageName, str]
) -> tuple[tuple[Bound, ...], tuple[Scan, ...]]:
    """Return the bounds, and what may break with numpy 2 but need not.

    ``versions`` is what the packages are with now: a bound that is already broken is no bound.
    C and Cython modules without numpy 2's name in them fail on it for certain. pybind11's ask numpy
    at run time, and most of them work: those are for the import to tell.
    """
    bounds, doubtful = [], []
    for scan in scans:
        if scan.name == NUMPY:
            continue
        users = [one for one in scan.binaries if one.numpy]
        hard = any(one.numpy == "one" and one.direct for one in users)
        if not hard and any(one.numpy == "one" for one in users):
            doubtful.append(scan)
        floor = max((one.floor for one in users if one.floor), key=Version, default="")
        for specifier, reason in (
            ("<2" if hard else "", "is compiled for numpy 1"),
            (f">={floor}" if floor else "", f"is compiled for numpy {floor} or newer"),
        ):
            bound = Bound(
                package=scan.name,
                version=scan.version,
                requirement=f"numpy{specifier}",
                reason=f"{scan.name} {scan.version} {reason}",
            )
            if specifier and not bound.broken_by(versions):
                bounds.append(bound)
    return tuple(sorted(bounds)), tuple(doubtful)
