"""Running what depends on each other: at once what can be, and nothing after what it needs failed.

Where the work is done is up to an Executor: threads of this process, or a cluster.
"""

from __future__ import annotations

import contextvars
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Generic, Literal, Protocol, Self, TypeVar

from lamina.core.errors import LaminaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lamina.model.names import PackageName

T = TypeVar("T")


class Executor(Protocol[T]):
    """Does the work of nodes somewhere."""

    def submit(self, node: PackageName) -> Future[T]:
        """Begin the work of a node; all that it needs is done."""


class Threads(Generic[T]):
    """Does it in threads of this process; use it in a ``with`` statement."""

    def __init__(self, work: Callable[[PackageName], T], *, slots: int) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(slots)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, node: PackageName) -> Future[T]:
        """Begin it when a thread is free; what it reports goes where its caller's reports go."""
        context = contextvars.copy_context()
        return self._pool.submit(context.run, self._work, node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What became of a node."""

    status: Literal["done", "failed", "not tried"]
    value: T | None = None
    error: LaminaError | None = None
    because: PackageName | None = None
    """What it needs, and failed."""


def find_cycle(needs: Mapping[PackageName, frozenset[PackageName]]) -> list[PackageName]:
    """Return nodes that need each other in a circle, the first again at the end; none: no cycle."""
    try:
        TopologicalSorter({one: sorted(many) for one, many in sorted(needs.items())}).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def run_graph(
    needs: Mapping[PackageName, frozenset[PackageName]],
    executor: Executor[T],
    *,
    keep_going: bool,
    ended: Callable[[PackageName, Outcome[T]], None] = lambda _name, _outcome: None,
) -> dict[PackageName, Outcome[T]]:
    """Do every node after those that it needs and return what became of each.

    After a failure, what runs is waited for; ``keep_going``: all that does not need what failed is
    done as well. Only LaminaErrors count as failures: others end it.
    """
    sorter = TopologicalSorter({one: sorted(many) for one, many in sorted(needs.items())})
    sorter.prepare()
    outcomes: dict[PackageName, Outcome[T]] = {}
    running: dict[Future[T], PackageName] = {}
    while sorter.is_active():
        stopped = not keep_going and any(one.status == "failed" for one in outcomes.values())
        for name in sorted(sorter.get_ready()):
            because = _broken(needs[name], outcomes)
            if because is not None or stopped:
                outcomes[name] = Outcome(status="not tried", because=because)
                ended(name, outcomes[name])
                sorter.done(name)
            else:
                running[executor.submit(name)] = name
        if not running:
            continue
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            name = running.pop(future)
            outcomes[name] = _outcome(future)
            ended(name, outcomes[name])
            sorter.done(name)
    return outcomes


def _outcome(future: Future[T]) -> Outcome[T]:
    try:
        return Outcome(status="done", value=future.result())
    except LaminaError as error:
        return Outcome(status="failed", error=error)


def _broken(
    needed: Iterable[PackageName], outcomes: Mapping[PackageName, Outcome[T]]
) -> PackageName | None:
    """Return the failure at the root of why a node cannot be done."""
    for one in sorted(needed):
        if outcomes[one].status == "failed":
            return one
        if outcomes[one].because is not None:
            return outcomes[one].because
    return None


def reachable(
    needs: Mapping[PackageName, frozenset[PackageName]], *starts: PackageName
) -> set[PackageName]:
    """Return nodes and all that they need, also through others."""
    found: set[PackageName] = set()
    wave = set(starts)
    while wave:
        found |= wave
        wave = {other for one in wave for other in needs[one]} - found
    return found
