"""What a refusal offers instead can really be had."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import UnsatisfiableError
from lamina.layer.change import Request, plan_request
from lamina.layer.opened import open_layer
from support.changes import UNRELATED_NEW, UNRELATED_OLD, change
from support.solvers import solver_for
from support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.abi.bounds import Bound
    from support.workshop import Workshop


def refusal(workshop: Workshop, layer: Path, *requests: str) -> UnsatisfiableError:
    with pytest.raises(UnsatisfiableError) as caught:
        change(workshop, layer, *requests)
    return caught.value


@pytest.mark.parametrize(
    ("requests", "possible"),
    [
        pytest.param(["unrelated==7"], ["unrelated==9.0"], id="no such version"),
        pytest.param(["alpha>=5", "gamma"], ["alpha==2.0", "gamma"], id="one of two"),
        pytest.param(["alpha>=2", "beta<2"], ["alpha>=2", "beta==2.0"], id="one of two at odds"),
        pytest.param(["alpha>=5", "unrelated==7"], ["alpha==2.0", "unrelated==9.0"], id="both"),
        pytest.param(["picky[more]>=3"], ["picky[more]==1.0"], id="with an extra"),
    ],
)
def test_the_offer(
    workshop: Workshop, layer: Path, requests: list[str], possible: list[str]
) -> None:
    workshop.index.add(
        Wheel(name="picky", version="1.0", requires=['gamma; extra == "more"']),
        Wheel(name="picky", version="3.0", requires=["nowhere"]),
    )
    hint = refusal(workshop, layer, *requests).hints[0]
    words = shlex.split(hint.removeprefix("this is possible: lamina layer add "))
    assert words == [str(layer), *possible]
    change(workshop, layer, *words[1:])


def test_a_bound_that_can_be_met_stays(workshop: Workshop, python: Path) -> None:
    """Without it the base's own version would come out, which is no answer."""
    zeta = [Wheel(name="zeta", version=version) for version in ("1.0", "2.0")]
    user = Wheel(name="aardvark", version="1.0", requires=["zeta<2"])
    newer = Wheel(name="aardvark", version="2.0", requires=["zeta"])
    workshop.index.add(*zeta, user, newer, UNRELATED_OLD, UNRELATED_NEW)
    layer = workshop.layer(workshop.base(python, user, zeta[0], UNRELATED_OLD))
    for requests, possible in (
        (["zeta>=2", "unrelated==7"], "'zeta>=2' unrelated==9.0"),
        (["zeta>=7"], "zeta==2.0"),
    ):
        hint = refusal(workshop, layer, *requests).hints[0]
        assert hint == f"this is possible: lamina layer add {shlex.quote(str(layer))} {possible}"


@pytest.mark.parametrize("request_text", ["nowhere", "nowhere>=3", "broken"])
def test_nothing_is_offered_where_nothing_can_be_had(
    workshop: Workshop, layer: Path, request_text: str
) -> None:
    workshop.index.add(Wheel(name="broken", version="1.0", requires=["nowhere"]))
    error = refusal(workshop, layer, request_text)
    assert not any("this is possible" in hint for hint in error.hints)


def test_a_misspelt_name_waits_for_no_look_into_modules(workshop: Workshop, layer: Path) -> None:
    solver = solver_for(workshop, layer)

    def bounds() -> tuple[Bound, ...]:
        raise AssertionError("looked")

    change(workshop, layer, "gamma")
    opened = open_layer(layer, workshop.environ)
    request = Request(layer=layer, add=("gama>=2",))
    with pytest.raises(UnsatisfiableError, match="did you mean 'gamma'") as caught:
        plan_request(opened, request, solver, bounds)
    assert "this is possible" not in "".join(caught.value.hints)
    with pytest.raises(AssertionError, match="looked"):
        plan_request(opened, Request(layer=layer, add=("alpha>=2",)), solver, bounds)


def test_what_left_the_index_is_named_as_what_the_layer_has(
    workshop: Workshop, layer: Path
) -> None:
    change(workshop, layer, "gamma")
    shutil.rmtree(workshop.index.path / "gamma")
    error = refusal(workshop, layer, "unrelated>=9")
    assert "the index has no package 'gamma', of which the layer has 1.0" in error.message
    assert "did you mean" not in error.message
