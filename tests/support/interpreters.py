"""Interpreters of this machine for tests."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest


@functools.cache
def find_interpreter(series: str) -> Path:
    """Return an interpreter of the series; without one, skip here and fail in CI."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = sorted(root.glob(f"versions/{series}.*/bin/python{series}"))
    if found := shutil.which(f"python{series}"):
        candidates.append(Path(found))
    for candidate in candidates:
        answer = subprocess.run(
            [candidate, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.stdout.strip() == series:
            return candidate
    if os.environ.get("CI"):
        pytest.fail(f"CI has no Python {series}")
    pytest.skip(f"no Python {series} on this machine")
