"""Why a package is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import UsageError
from lamina.layer.opened import open_layer
from lamina.layer.why import explain_package, explanation_value, render_explanation
from support.changes import change
from support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.workshop import Workshop


def why(workshop: Workshop, layer: Path, name: str) -> str:
    return render_explanation(explain_package(open_layer(layer, workshop.environ), name))


@pytest.fixture
def lifted(workshop: Workshop, layer: Path) -> Path:
    """Return a layer in which one request led to others."""
    workshop.index.add(
        Wheel(name="far", version="1.0", requires=["near", 'never; python_version < "3"']),
        Wheel(name="near", version="1.0", requires=["alpha>=2"]),
    )
    change(workshop, layer, "far")
    return layer


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        pytest.param(
            "far",
            ["far 1.0: in the layer", "  because you asked for far"],
            id="asked",
        ),
        pytest.param(
            "Near",
            [
                "near 1.0: in the layer",
                "  because far 1.0 needs it",
                "  asked for through far -> near",
                "  far 1.0 needs near",
            ],
            id="new",
        ),
        pytest.param(
            "alpha",
            [
                "alpha 2.0: in the layer, over 1.0 of the base",
                "  because near 1.0 needs a newer one",
                "  asked for through far -> near -> alpha",
                "  beta 2.0 needs alpha>=2",
                "  home-made 6.30+site needs alpha",
                "  near 1.0 needs alpha>=2",
            ],
            id="lifted",
        ),
        pytest.param(
            "unrelated", ["unrelated 1.0: in the base", "  nothing else needs it"], id="base"
        ),
    ],
)
def test_why(workshop: Workshop, lifted: Path, name: str, lines: list[str]) -> None:
    assert why(workshop, lifted, name).split("\n") == lines


def test_what_somebody_broke_is_said(workshop: Workshop, layer: Path) -> None:
    workshop.add(layer, Wheel(name="alpha", version="2.0"))
    lines = why(workshop, layer, "alpha").split("\n")
    assert lines[0] == "alpha 2.0: installed by hand, over 1.0 of the base"
    assert "  beta 1.0 needs alpha<2, which 2.0 is not" in lines


def test_what_is_nowhere(workshop: Workshop, layer: Path) -> None:
    with pytest.raises(UsageError, match="far: neither in "):
        why(workshop, layer, "far")


def test_the_value(workshop: Workshop, lifted: Path) -> None:
    found = explain_package(open_layer(lifted, workshop.environ), "near")
    assert explanation_value(found) == {
        "name": "near", "version": "1.0", "place": None, "source": "layer", "over": None,
        "because": ["far 1.0 needs it"], "chain": ["far", "near"],
        "needed_by": [{"name": "far", "version": "1.0", "requirement": "near", "met": True}],
    }  # fmt: skip
