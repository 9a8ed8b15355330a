"""Which package has to change for a module to be importable again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.abi.bounds import Bound
from lamina.layer.abi.scan import recorded_paths
from lamina.layer.imports.modules import reached

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.probe import Distribution
    from lamina.layer.imports.outcome import Failure
    from lamina.model.names import PackageName

    Distributions = Mapping[PackageName, Distribution]

_NAMED = 3


def learnt_bounds(
    broken: Mapping[PackageName, list[Failure]],
    distributions: Distributions,
    moved: Iterable[PackageName],
) -> tuple[Bound, ...]:
    """Return the versions that must not be used, for the modules that broke.

    ``broken`` has the failures by the package that the module is of. The innermost file of a
    package that stays is to blame: it uses what has gone. Of packages to blame that need one
    another only those at the bottom are named, as the others may be well once these are.
    """
    changed = set(moved)
    owners = _owners(distributions)
    blamed: dict[PackageName, Failure] = {}
    for name, failures in sorted(broken.items()):
        for failure in failures:
            blamed.setdefault(_guilty(failure, owners, changed) or name, failure)
    return tuple(
        Bound(
            package=name,
            version=distributions[name].version,
            # Of a package without a version nothing but the package itself can be named.
            requirement=f"{name}!={distributions[name].version or '0'}",
            reason=_reason(name, blamed[name], distributions, changed),
        )
        for name in sorted(_bottom(set(blamed), distributions))
    )


def _owners(distributions: Distributions) -> dict[str, PackageName]:
    return {
        str(Path(one.location) / path): name
        for name, one in distributions.items()
        for path in recorded_paths(one)
        if path.endswith(".py")
    }


def _guilty(
    failure: Failure, owners: Mapping[str, PackageName], changed: set[PackageName]
) -> PackageName | None:
    through = (owners.get(path) for path in reversed(failure.files))
    return next((name for name in through if name is not None and name not in changed), None)


def _bottom(names: set[PackageName], distributions: Distributions) -> set[PackageName]:
    """Return the packages that need none of the others; all of them where they go in circles."""
    above = {name: reached(distributions, [name]) & names - {name} for name in names}
    bottom = {
        name
        for name in names
        if not any(name in above[other] and other not in above[name] for other in names)
    }
    return bottom or names


def _reason(
    name: PackageName, failure: Failure, distributions: Distributions, changed: set[PackageName]
) -> str:
    one = distributions[name]
    if name in changed:
        return f"{one.label} does not import here: {failure.error}"
    near = [other for other in changed if name in reached(distributions, [other])]
    versions = [distributions[other].label for other in sorted(near)]
    more = " and others" if len(versions) > _NAMED else ""
    with_what = f" with {', '.join(versions[:_NAMED])}{more}" if versions else " any more"
    return f"{one.label} does not import{with_what}: {failure.error}"
