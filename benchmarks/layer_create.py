"""``lamina layer create`` against uv venv, virtualenv and python -m venv.

A layer also has the base's packages and scripts; what the others make is empty.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import uv

from benchmarks.sides import Comparison, Side, compare


def run(_stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure over a base with a few packages from the index."""
    uv_bin = uv.find_uv_bin()
    base = environment_with(work / "base", "numpy", "packaging", "click", "pytest", "rich")
    tools = environment_with(work / "tools", "virtualenv")
    python, made = base / "bin" / "python", work / "made"
    lamina = Path(sys.executable).with_name("lamina")
    commands: dict[str, list[str | Path]] = {
        "lamina layer create": [lamina, "layer", "create", made, "--on", base],
        "uv venv": [uv_bin, "venv", "-q", "--no-project", "--no-config", "--python", python, made],
        "virtualenv": [tools / "bin" / "virtualenv", "-q", "--python", python, made],
        "python -m venv": [python, "-m", "venv", made],
        "cvmfs-venv": [sys.executable, "-m", "benchmarks.cvmfs_venv", made, python],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    sides = [
        Side(
            name=name,
            commands=[command],
            prepare=lambda: _remove(made),
        )
        for name, command in commands.items()
    ]
    cache = work / "cache"
    sides.insert(
        1,
        Side(
            name="the first over its base",
            commands=[commands["lamina layer create"]],
            prepare=lambda: _remove(made, cache),
            environ=dict(os.environ) | {"XDG_CACHE_HOME": str(cache)},
        ),
    )
    return compare("layer create", sides, rounds=rounds, reference="uv venv", promise=1.2)


def _remove(*trees: Path) -> None:
    for tree in trees:
        shutil.rmtree(tree, ignore_errors=True)


def environment_with(place: Path, *packages: str) -> Path:
    """Make an environment with packages from the index."""
    uv_bin = uv.find_uv_bin()
    quiet = ["--quiet", "--no-config"]
    subprocess.run([uv_bin, "venv", place, "--python", sys.executable, *quiet], check=True)
    subprocess.run([uv_bin, "pip", "install", "--python", place, *packages, *quiet], check=True)
    return place
