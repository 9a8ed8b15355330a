"""What is compiled once for all tests of pressing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support.channels import SERIES
from support.interpreters import find_interpreter
from support.pressing import Compiled, compile_all

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Return modules and libraries that a compiler made."""
    if sys.platform != "linux":
        pytest.skip("wheels of compiled packages are for Linux")
    return compile_all(find_interpreter(SERIES), tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment with pip; each test installs a wheel of its own into it."""
    import subprocess

    top = tmp_path_factory.mktemp("venv") / "venv"
    subprocess.run([find_interpreter(SERIES), "-m", "venv", top], check=True)
    return top
