"""An order among things that build on each other: who builds on another comes before it."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Name = TypeVar("Name", bound=str)


def in_order(below: Mapping[Name, Collection[str]], key: Callable[[Name], Any]) -> list[Name]:
    """Return the names of ``below``: each before those it builds on, otherwise by ``key``.

    ``below`` gives what each builds on, directly or not; names that are no keys do not count.
    Raises graphlib.CycleError, whose second argument is the circle.
    """
    sorter = TopologicalSorter(
        {one: [other for other in below if one in below[other]] for one in below}
    )
    sorter.prepare()
    ready: list[Name] = []
    order: list[Name] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=key)
        first = ready.pop(0)
        order.append(first)
        sorter.done(first)
    return order
