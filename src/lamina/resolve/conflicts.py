"""Version conflicts on one package: with the version listed, and among those that need it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from lamina.resolve.findings import FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    from lamina.model.names import PackageName
    from lamina.resolve.demands import Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one package requires of another."""

    by: PackageName
    version: str
    specifier: SpecifierSet

    def __str__(self) -> str:
        return f"{self.by} {self.version}"


def conflicts_on(
    name: PackageName,
    needs: Sequence[Need],
    asked: Sequence[Demand],
    versions: Sequence[Version],
) -> Iterator[tuple[FindingKind, str, tuple[Need, ...]]]:
    """Yield each conflict on a package, and between whom it is.

    ``versions`` are those that the index has. A need that no version meets whatever else is said
    counts against the stack's own line where there is one.
    """
    for need in needs:
        if asked and not _any(versions, [*_bounds(asked), need.specifier]):
            listed = "; ".join(one.where for one in asked)
            yield (
                FindingKind.OUTSIDE,
                f"{need} needs {name}{need.specifier}; the stack lists {listed}",
                (need,),
            )
    possible = [one for one in needs if _any(versions, [one.specifier])]
    pairs = [
        pair
        for pair in combinations(possible, 2)
        if not _any(versions, [one.specifier for one in pair])
    ]
    for left, right in pairs:
        yield (
            FindingKind.EXCLUDED,
            (
                f"{left} needs {name}{left.specifier} and {right} needs {name}{right.specifier}: "
                f"no version of {name} meets both"
            ),
            (left, right),
        )
    if not pairs and len(possible) > 2 and not _any(versions, [one.specifier for one in possible]):
        sides = ", ".join(f"{one} ({name}{one.specifier})" for one in possible if one.specifier)
        yield FindingKind.EXCLUDED, f"no version of {name} meets all of {sides}", tuple(possible)


def _bounds(asked: Sequence[Demand]) -> list[SpecifierSet]:
    return [one.specifier for one in asked]


def _any(versions: Sequence[Version], bounds: Sequence[SpecifierSet]) -> bool:
    return any(
        all(bound.contains(version, prereleases=True) for bound in bounds) for version in versions
    )
