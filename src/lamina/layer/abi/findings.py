"""What compiled modules of a finished union may fail on: libraries gone, symbols, other ABIs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from lamina.engines.elf import filled_in
from lamina.layer.abi.bounds import Bound
from lamina.layer.requirements import needed_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lamina.engines.probe import Distribution
    from lamina.layer.abi.binary import Binary
    from lamina.layer.abi.scan import Scan
    from lamina.model.names import PackageName

    Scans = Mapping[PackageName, Scan]


def lost_libraries(before: Scans, after: Scans) -> tuple[Bound, ...]:
    """Return a bound for each package that loads a library of one that has changed.

    A library that another package brings is found because that package was imported first, or
    through a path to its directory. Of the changed package only the file that is there now counts.
    """
    offered = {name for scan in after.values() for name in scan.offers}
    found = []
    for name, scan in sorted(after.items()):
        if not _is_same(before.get(name), scan):
            continue
        for binary in scan.binaries:
            for library in binary.needs:
                owner = _owner(library, name, before)
                if owner is None or library in offered or _is_found(binary, library, scan):
                    continue
                found.append(
                    Bound(
                        package=name,
                        version=scan.version,
                        requirement=f"{owner.name}=={owner.version}",
                        reason=f"{name} {scan.version} loads {library} of "
                        f"{owner.name} {owner.version}",
                    )
                )
    return tuple(sorted(set(found)))


def _is_same(before: Scan | None, after: Scan) -> bool:
    """Tell whether a package stays, wherever it is looked at."""
    return before is not None and (before.version, before.binaries) == (
        after.version,
        after.binaries,
    )


def _owner(library: str, user: PackageName, scans: Scans) -> Scan | None:
    """Return the other package that a library was taken from."""
    others = (one for name, one in sorted(scans.items()) if name != user)
    return next((one for one in others if library in one.offers), None)


def _is_found(binary: Binary, library: str, scan: Scan) -> bool:
    """Tell whether the file's own search path still leads to a library."""
    origin = (Path(scan.location) / binary.path).parent
    return any((Path(one) / library).exists() for one in filled_in(binary.search, origin))


def missing_symbols(scans: Iterable[Scan], offered: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each package that is compiled for a newer system than this one."""
    for scan in scans:
        wanted: dict[str, Version] = {}
        for binary in scan.binaries:
            for symbol in binary.symbols:
                group, _, version = symbol.rpartition("_")
                if group in offered and Version(version) > Version(offered[group]):
                    wanted[group] = max(wanted.get(group, Version(version)), Version(version))
        for group, newest in sorted(wanted.items()):
            yield (
                f"{scan.name} {scan.version} needs {group}_{newest} of the system; "
                f"here is {group}_{offered[group]}"
            )


def other_interpreters(scans: Iterable[Scan], series: str) -> Iterator[str]:
    """Yield a sentence for each package with modules for other Pythons alone."""
    tag = "cpython-" + series.replace(".", "")
    for scan in scans:
        usable: dict[str, bool] = {}
        for binary in scan.binaries:
            if binary.module is not None:
                fits = not binary.abi.startswith("cpython-") or binary.abi.startswith(f"{tag}-")
                usable[binary.module] = usable.get(binary.module, False) or fits
        if useless := sorted(name for name, fits in usable.items() if not fits):
            more = f" and {len(useless) - 1} more" if len(useless) > 1 else ""
            what = f"{scan.name} {scan.version}: {useless[0]}{more}"
            yield f"{what} is for another Python than {series}"


def mixed_pybind11(
    scans: Scans, distributions: Mapping[PackageName, Distribution]
) -> Iterator[str]:
    """Yield two packages, with the versions of their internals, where one needs the other.

    Such cannot share types; two that know nothing of each other do not want to.
    """
    internals = {
        name: {one.pybind11 for one in scan.binaries if one.pybind11}
        for name, scan in scans.items()
    }
    for name, mine in sorted(internals.items()):
        needed = needed_names(distributions[name]) if name in distributions else ()
        for other in sorted(needed):
            theirs = internals.get(other, set())
            if mine and theirs and not mine & theirs:
                versions = ("/".join(sorted(one)) for one in (mine, theirs))
                yield f"{name} ({next(versions)}) and {other} ({next(versions)})"
