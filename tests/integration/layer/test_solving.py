"""Asking about the requests alone gives what asking about everything gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import UnsatisfiableError
from lamina.layer.opened import open_layer
from lamina.layer.plan import plan_change
from lamina.layer.solving import solve_addition
from lamina.layer.union import merged, parse_requests
from support.changes import change, versions
from support.solvers import solver_for
from support.wheels import Wheel
from support.workshop import Workshop, site_of

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.plan import Plan


def planned(workshop: Workshop, layer: Path, *requests: str, sound: bool) -> tuple[Plan, int]:
    """Return the plan, and how many questions it took."""
    opened = open_layer(layer, workshop.environ)
    solver = solver_for(workshop, layer)
    wanted = merged(opened.document.requests, parse_requests(requests))
    ground = opened.ground()
    solution = solve_addition(ground, wanted, solver, sound=sound)
    return plan_change(ground, wanted, solution), len(solver.asked)


REQUESTS = {
    "new": (["gamma"], 1),
    "already there": (["alpha"], 1),
    "with extras": (["extra[more]"], 1),
    "lifts the base": (["alpha>=2"], 2),
    "lifts by a dependency": (["lifting"], 2),
    "newest does not fit": (["choosy"], 1),
    "several": (["gamma", "unrelated>=9"], 2),
}


@pytest.mark.parametrize("before", [[], ["gamma"], ["alpha>=2"]], ids=["none", "new", "lifted"])
@pytest.mark.parametrize(("requests", "questions"), REQUESTS.values(), ids=REQUESTS)
def test_both_ways_give_the_same(
    workshop: Workshop, layer: Path, before: list[str], requests: list[str], questions: int
) -> None:
    workshop.index.add(
        Wheel(name="extra", version="1.0", requires=['gamma; extra == "more"']),
        Wheel(name="lifting", version="1.0", requires=["alpha>=2"]),
        Wheel(name="choosy", version="1.0", requires=["alpha"]),
        Wheel(name="choosy", version="2.0", requires=["alpha>=7"]),
    )
    if before:
        change(workshop, layer, *before)
    narrow, count = planned(workshop, layer, *requests, sound=True)
    full, once = planned(workshop, layer, *requests, sound=False)
    assert narrow == full
    assert once == 1
    lifted_already = "alpha>=2" in before and requests in (["alpha>=2"], ["lifting"])
    assert count == (1 if lifted_already else questions)


def test_a_small_request_asks_about_few_names(workshop: Workshop, layer: Path) -> None:
    opened = open_layer(layer, workshop.environ)
    solver = solver_for(workshop, layer)
    solve_addition(opened.ground(), ["gamma"], solver, sound=opened.is_sound)
    assert [union.requirements for union in solver.asked] == [("gamma",)]


def test_what_cannot_be_is_said_of_the_request_alone(workshop: Workshop, layer: Path) -> None:
    opened = open_layer(layer, workshop.environ)
    with pytest.raises(UnsatisfiableError, match="alpha==7") as caught:
        solve_addition(opened.ground(), ["alpha==7"], solver_for(workshop, layer), sound=True)
    assert "home-made" not in caught.value.message


@pytest.mark.parametrize("how", ["somebody installs", "somebody removes", "the base changes"])
def test_when_all_names_are_asked_about(workshop: Workshop, layer: Path, how: str) -> None:
    """What others did may have broken the union, which only the whole of it shows."""
    assert open_layer(layer, workshop.environ).is_sound
    change(workshop, layer, "gamma")
    assert open_layer(layer, workshop.environ).is_sound
    if how == "somebody installs":
        workshop.add(layer, Wheel(name="alpha", version="2.0"))
    elif how == "somebody removes":
        next(site_of(layer).glob("gamma-*")).rename(workshop.path / "gone")
    else:
        Wheel(name="later", version="1.0").unpack(site_of(workshop.path / "base"))
    assert not open_layer(layer, workshop.environ).is_sound


def test_what_others_broke_is_mended_by_the_next_change(workshop: Workshop, layer: Path) -> None:
    workshop.add(layer, Wheel(name="alpha", version="2.0"))
    change(workshop, layer, "gamma")
    assert versions(workshop, layer, "alpha", "beta", "gamma") == ["2.0", "2.0", "1.0"]
