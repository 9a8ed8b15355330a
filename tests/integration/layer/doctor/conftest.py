"""A room for each test to make something wrong in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.doctor import Room

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.workshop import Workshop


@pytest.fixture
def room(workshop: Workshop, interpreter: Callable[[str], Path]) -> Room:
    return Room(workshop=workshop, interpreter=interpreter)
