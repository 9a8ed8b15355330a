"""The order in which outputs are built: each after those that it needs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from lamina.core.errors import ConflictError, UnsatisfiableError
from lamina.engines.conda_build import required_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lamina.engines.conda_build import Output

_BEFORE_BUILDING = ("build", "host")
_BEFORE_TESTING = (*_BEFORE_BUILDING, "run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Outputs in an order to build them in."""

    outputs: Sequence[Output]
    needs: Mapping[str, frozenset[str]]
    """Stem -> the stems of those outputs that it needs."""

    def needing(self, stem: str) -> set[str]:
        """Return the stems of all that need an output, also through others."""
        found: set[str] = set()
        wave = {stem}
        while wave:
            wave = {one for one, needs in self.needs.items() if needs & wave} - found
            found |= wave
        return found


def order(outputs: Sequence[Output], *, tested: bool) -> Graph:
    """Return outputs so that each comes after those that it needs, otherwise as they are given.

    ``tested``: what a package needs to run counts too. Raises UnsatisfiableError that names a
    cycle, ConflictError for a package that two recipes make.
    """
    named: dict[str, list[Output]] = defaultdict(list)
    _check_makers(outputs)
    for one in outputs:
        named[one.name].append(one)
    sections = _BEFORE_TESTING if tested else _BEFORE_BUILDING
    needs = {one.stem: frozenset(_needed(one, named, sections)) for one in outputs}
    place = {one.stem: number for number, one in enumerate(outputs)}
    by_stem = {one.stem: one for one in outputs}
    sorter = TopologicalSorter({stem: sorted(before) for stem, before in needs.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise _cycle([by_stem[stem] for stem in reversed(error.args[1])], sections) from error
    ordered: list[Output] = []
    ready = set(sorter.get_ready())
    while ready:
        stem = min(ready, key=lambda one: place[one])
        ordered.append(by_stem[stem])
        sorter.done(stem)
        ready = (ready - {stem}) | set(sorter.get_ready())
    return Graph(outputs=tuple(ordered), needs=needs)


def _check_makers(outputs: Sequence[Output]) -> None:
    makers: dict[str, Output] = {}
    for one in outputs:
        other = makers.setdefault(f"{one.subdir}/{one.stem}", one)
        if other is not one:
            raise ConflictError(
                f"{one.stem} is made twice:\n  {other.recipe}\n  {one.recipe}",
                hints=["raise build.number in one of the recipes, or leave one out"],
            )


def _needed(
    output: Output, named: Mapping[str, Sequence[Output]], sections: Sequence[str]
) -> Iterator[str]:
    for section in sections:
        for spec in output.requirements(section):
            for other in named.get(required_name(spec), ()):
                if _fits(output, other):
                    yield other.stem


def _fits(output: Output, other: Output) -> bool:
    """Tell whether an output can be the one that is meant: of the same variant where both have it.

    Where one is pinned exactly, its build is part of the variant.
    """
    pinned = output.variant.get(other.name, "").partition(" ")[2]
    if pinned and other.recipe == output.recipe:
        return pinned == other.build
    common = (set(output.variant) & set(other.variant)) - {"target_platform"}
    return all(output.variant[key] == other.variant[key] for key in common)


def _cycle(outputs: Sequence[Output], sections: Sequence[str]) -> UnsatisfiableError:
    """Return the error for a cycle; the first of ``outputs`` is the last as well."""
    words = [outputs[0].name]
    for one, other in pairwise(outputs):
        asks = [
            section
            for section in sections
            if any(required_name(spec) == other.name for spec in one.requirements(section))
        ]
        words.append(f"needs {other.name} ({', '.join(asks)}: {one.recipe})")
    return UnsatisfiableError(
        "recipes need each other, so that none can be built first:\n  " + "\n  ".join(words),
        hints=["take one of the requirements out, or build one of them without the other first"],
    )
