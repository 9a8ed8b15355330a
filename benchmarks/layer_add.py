"""``lamina layer add`` of one package, warm, against uv and pip installing it into an environment.

The base has the packages of a stack; what uv and pip install into starts empty, so that they bring
what the base has as well.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import uv

from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs

REQUEST = "emcee"


def run(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure over an environment with all packages of the stack in a directory."""
    uv_bin = uv.find_uv_bin()
    lamina = Path(sys.executable).with_name("lamina")
    shutil.copy(stack / "lamina.toml", work)
    layer, plain, root = work / "layer", work / "plain", work / "root"
    subprocess.run([lamina, "lock", "--stack", work, "--quiet"], check=True)
    subprocess.run(
        [lamina, "publish", "--stack", work, "--root", root, "--no-test", "--quiet"], check=True
    )
    release = next(root.glob("releases/*/*/*"))
    python = (release / "bin" / "python").resolve()

    def new_layer() -> None:
        fs.remove_tree(layer)
        subprocess.run([lamina, "layer", "create", layer, "--on", release, "--quiet"], check=True)

    def new_environment(*more: str) -> None:
        fs.remove_tree(plain)
        words: list[str | Path] = [
            "venv",
            plain,
            "--quiet",
            "--no-config",
            "--python",
            python,
            *more,
        ]
        subprocess.run([uv_bin, *words], check=True)

    install: list[str | Path] = [
        uv_bin,
        "pip",
        "install",
        "--quiet",
        "--no-config",
        "--python",
        plain,
        REQUEST,
    ]
    sides = [
        Side(
            name="lamina layer add",
            commands=[[lamina, "layer", "add", layer, REQUEST, "--quiet"]],
            prepare=new_layer,
        ),
        Side(name="uv pip install", commands=[install], prepare=new_environment),
        Side(
            name="pip install",
            commands=[[plain / "bin" / "python", "-m", "pip", "install", "-q", REQUEST]],
            prepare=lambda: new_environment("--seed"),
        ),
    ]
    try:
        return compare(
            f"layer add {REQUEST} over {stack.name}",
            sides,
            rounds=rounds,
            reference="uv pip install",
            promise=1.3,
        )
    finally:
        fs.remove_tree(root)
