"""A workshop of bases and layers for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.changes import layer_on_a_base
from support.papers import Bench
from support.wheels import FileIndex
from support.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.index_server import IndexServer


@pytest.fixture
def workshop(tmp_path: Path, environ: dict[str, str]) -> Workshop:
    path = tmp_path / "workshop"
    path.mkdir()
    index = FileIndex(tmp_path / "index")
    index.path.mkdir()
    return Workshop(path=path, environ=environ | {"UV_DEFAULT_INDEX": index.address}, index=index)


@pytest.fixture
def python(interpreter: Callable[[str], Path]) -> Path:
    return interpreter("3.12")


@pytest.fixture
def layer(workshop: Workshop, python: Path) -> Path:
    return layer_on_a_base(workshop, python)


@pytest.fixture
def bench(
    tmp_path: Path, index_server: IndexServer, environ: dict[str, str], python: Path
) -> Bench:
    return Bench.make(tmp_path / "bench", environ, index_server, python)
