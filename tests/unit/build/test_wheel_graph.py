from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from lamina.build.wheels.graph import Threads, find_cycle, reachable, run_graph
from lamina.core.errors import BuildFailedError
from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.model.names import PackageName


def graph(**needs: str) -> dict[PackageName, frozenset[PackageName]]:
    return {
        parse_package_name(name): frozenset(map(parse_package_name, many.split()))
        for name, many in needs.items()
    }


DIAMOND = graph(top="left right", left="base", right="base", base="", alone="")


@dataclass
class AtOnce:
    """An executor that does the work when it is asked for, and fails for some nodes."""

    failing: frozenset[str] = frozenset()
    done: list[str] = field(default_factory=list)

    def submit(self, node: PackageName) -> Future[str]:
        future: Future[str] = Future()
        self.done.append(node)
        if node in self.failing:
            future.set_exception(BuildFailedError(f"{node} is bad"))
        else:
            future.set_result(node.upper())
        return future


def statuses(outcomes: Mapping[PackageName, object]) -> dict[str, str]:
    return {name: getattr(one, "status") for name, one in outcomes.items()}  # noqa: B009


def test_everything_comes_after_what_it_needs() -> None:
    executor = AtOnce()
    outcomes = run_graph(DIAMOND, executor, keep_going=False)
    assert executor.done[-1] == "top"
    assert executor.done.index("base") < min(map(executor.done.index, ("left", "right")))
    assert {one.value for one in outcomes.values()} == {name.upper() for name in DIAMOND}


def test_a_failure_stops_what_needs_it_and_nothing_else() -> None:
    executor = AtOnce(failing=frozenset({"left"}))
    outcomes = run_graph(DIAMOND, executor, keep_going=True)
    assert statuses(outcomes) == {
        "base": "done", "alone": "done", "left": "failed", "right": "done", "top": "not tried",
    }  # fmt: skip
    assert outcomes[parse_package_name("top")].because == "left"


def test_without_keep_going_nothing_new_begins_after_a_failure() -> None:
    executor = AtOnce(failing=frozenset({"base"}))
    outcomes = run_graph(DIAMOND, executor, keep_going=False)
    assert executor.done == ["alone", "base"]
    assert set(statuses(outcomes).values()) == {"done", "failed", "not tried"}


def test_threads_work_at_the_same_time() -> None:
    from threading import Barrier

    both = Barrier(2)

    def work(node: PackageName) -> int:
        return both.wait(timeout=30)

    with Threads(work, slots=2) as threads:
        outcomes = run_graph(graph(one="", other=""), threads, keep_going=False)
    assert sorted(one.value or 0 for one in outcomes.values()) == [0, 1]


def test_errors_that_are_no_build_failures_end_it() -> None:
    def work(node: PackageName) -> int:
        raise ZeroDivisionError

    with Threads(work, slots=1) as threads, pytest.raises(ZeroDivisionError):
        run_graph(graph(one=""), threads, keep_going=True)


def test_a_cycle_is_found_in_the_order_of_need() -> None:
    assert find_cycle(DIAMOND) == []
    cycle = find_cycle(graph(a="b", b="c", c="a", d="a"))
    assert len(cycle) == 4
    assert cycle[0] == cycle[-1]
    circle = graph(a="b", b="c", c="a")
    assert all(other in circle[one] for one, other in pairwise(cycle))


def test_what_is_reachable() -> None:
    assert reachable(DIAMOND, parse_package_name("left")) == {"left", "base"}
