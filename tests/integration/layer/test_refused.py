"""Changes of a layer that are refused, and leave it as it was."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import (
    IntegrityError,
    UnsatisfiableError,
    UpstreamUnavailableError,
    UsageError,
)
from lamina.layer.change import Request, change_layer
from support.changes import ALPHA_1, ALPHA_2, BETA_1, change, tree
from support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.workshop import Workshop


def test_no_package_falls_below_the_base(workshop: Workshop, python: Path) -> None:
    """An older beta without the bound would resolve, and be as broken."""
    workshop.index.add(ALPHA_1, ALPHA_2, BETA_1, Wheel(name="beta", version="0.5"))
    layer = workshop.layer(workshop.base(python, ALPHA_1, BETA_1))
    with pytest.raises(UnsatisfiableError, match="beta") as caught:
        change(workshop, layer, "alpha>=2")
    assert "unless asked to, a layer does not go below" in caught.value.hints[0]


@pytest.mark.parametrize(
    ("request_text", "message"),
    [
        ("nowhere", "cannot add nowhere: the index has no package 'nowhere'"),
        ("alphaa>=1", "(did you mean 'alpha'?)"),
        ("alpha==7", "no version of alpha==7"),
        ("beta<2,>=1", "beta"),
    ],
    ids=["unknown", "misspelt", "no-version", "conflict"],
)
def test_refusals_are_short_and_change_nothing(
    workshop: Workshop, layer: Path, request_text: str, message: str
) -> None:
    change(workshop, layer, "alpha>=2")
    before = tree(layer)
    with pytest.raises(UnsatisfiableError) as caught:
        change(workshop, layer, request_text)
    assert message in caught.value.message
    assert len(caught.value.message) < 500
    log = layer / ".lamina" / "uv.log"
    assert any(str(log) in hint for hint in caught.value.hints)
    assert "No solution found" in log.read_text(encoding="utf-8")
    assert tree(layer) == before


@pytest.mark.parametrize(
    "text",
    ["not a requirement!", "alpha @ https://index.example.org/alpha.whl"],
    ids=["bad", "url"],
)
def test_requests_that_are_none(workshop: Workshop, layer: Path, text: str) -> None:
    with pytest.raises(UsageError):
        change(workshop, layer, text)


def test_taking_back_what_was_not_asked_for(workshop: Workshop, layer: Path) -> None:
    with pytest.raises(UsageError, match="not among the requests"):
        change(workshop, layer, remove=("beta",))


def test_bytes_that_are_not_what_the_index_says(workshop: Workshop, layer: Path) -> None:
    before = tree(layer)
    file = workshop.index.path / "alpha" / ALPHA_2.filename
    page = file.with_name("index.html")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    page.write_text(page.read_text().replace(digest, "0" * 64), encoding="utf-8")
    environ = workshop.environ | {"UV_CACHE_DIR": str(workshop.path / "cache")}
    with pytest.raises(IntegrityError):
        change_layer(Request(layer=layer, add=("alpha>=2",)), environ)
    assert tree(layer) == before


def test_an_index_that_does_not_answer(workshop: Workshop, layer: Path) -> None:
    environ = workshop.environ | {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0",
        "UV_CACHE_DIR": str(workshop.path / "cache"),
    }  # fmt: skip
    before = tree(layer)
    with pytest.raises(UpstreamUnavailableError):
        change_layer(Request(layer=layer, add=("alpha>=2",)), environ)
    assert tree(layer) == before


def test_a_vanished_base(workshop: Workshop, layer: Path) -> None:
    (workshop.path / "base").rename(workshop.path / "elsewhere")
    with pytest.raises(IntegrityError, match="its base is gone"):
        change(workshop, layer, "gamma")
