from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.cvmfs_roots import Librarian, environ_of
from support.stratum0 import stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def librarian(tmp_path: Path, environ: dict[str, str]) -> Iterator[Librarian]:
    """Return who publishes into an empty repository of the stand-in."""
    with stand_in(tmp_path / "world") as server:
        told = environ_of(server, environ, tmp_path / "work")
        yield Librarian(server=server, path=tmp_path, environ=told)
