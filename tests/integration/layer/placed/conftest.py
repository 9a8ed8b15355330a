"""A layer over a base, made once for all tests of a file, and there again for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.changes import ALPHA_2, BETA_2
from support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.index_server import IndexServer
    from support.papers import Bench
    from support.places import Place


@pytest.fixture
def tmp_path(place: Place) -> Path:
    """Return an empty directory that is where it was for the test before."""
    return place.begin()


@pytest.fixture
def index_server(place: Place, environ: dict[str, str]) -> IndexServer:
    """Return the index that the layer was made with."""
    return place.index(environ)


@pytest.fixture
def layer(place: Place, bench: Bench) -> Path:
    """Return a layer with alpha, beta and gamma."""
    place.once("layer", lambda: bench.layer("alpha>=2", "gamma"))
    return bench.path / "layer"


@pytest.fixture
def newer(bench: Bench) -> Path:
    """Return a base that has the newer alpha and beta, and another unrelated."""
    return bench.base("newer", ALPHA_2, BETA_2, Wheel(name="unrelated", version="5.0"))
