from __future__ import annotations

from graphlib import CycleError

import pytest

from lamina.model.precedence import in_order


@pytest.mark.parametrize(
    ("below", "order"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"b": (), "a": ()}, ["a", "b"], id="by key"),
        pytest.param({"a": (), "b": ("a",)}, ["b", "a"], id="who builds on another first"),
        pytest.param({"a": (), "b": (), "c": ("a",)}, ["b", "c", "a"], id="ready by key"),
        pytest.param({"a": ("gone",)}, ["a"], id="unknown names"),
        pytest.param({"c": ("a", "b"), "b": ("a",), "a": ()}, ["c", "b", "a"], id="chain"),
    ],
)
def test_order(below: dict[str, tuple[str, ...]], order: list[str]) -> None:
    assert in_order(below, key=lambda name: name) == order


def test_a_circle() -> None:
    with pytest.raises(CycleError):
        in_order({"a": ("b",), "b": ("a",)}, key=lambda name: name)
