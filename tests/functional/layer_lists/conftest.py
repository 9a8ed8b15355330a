"""One place for all tests of a file, and the layer in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from support.index_server import IndexServer
from support.listed_layers import Site, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def index_server(place: Place, environ: dict[str, str]) -> IndexServer:
    return place.index(environ)


@pytest.fixture(scope="module")
def ours() -> Iterator[IndexServer]:
    """Return the index of the experiment, which the stack names."""
    with IndexServer() as server:
        for version in ("1.0", "2.0"):
            server.wheel("tool", version)
        yield server


@pytest.fixture
def site(
    place: Place,
    index_server: IndexServer,
    ours: IndexServer,
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    found = Site(lamina=command_line, index=index_server, ours=ours)
    place.once("site", lambda: make(found))
    yield found
    fs.remove_tree(command_line.directory / "root")
