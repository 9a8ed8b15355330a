"""``lamina layer add`` of one package, warm, against uv and pip installing it.

The base has the packages of a stack; what uv and pip install into starts empty, so that they bring
what the base has as well.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import uv

from benchmarks.cvmfs_venv import make as make_cvmfs_venv
from benchmarks.layer_create import environment_with
from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs

REQUEST = "emcee"


def run(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure over an environment with all packages of the stack in a directory."""
    uv_bin = uv.find_uv_bin()
    lamina = Path(sys.executable).with_name("lamina")
    shutil.copy(stack / "lamina.toml", work)
    virtualenv = environment_with(work / "tools", "virtualenv") / "bin" / "virtualenv"
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

    def new_environment(*maker: str | Path) -> None:
        fs.remove_tree(plain)
        subprocess.run([*maker, plain], check=True)

    def new_cvmfs_venv() -> None:
        fs.remove_tree(plain)
        make_cvmfs_venv(plain, python)

    uv_venv = (uv_bin, "venv", "--quiet", "--no-config", "--python", python)
    uv_install: list[str | Path] = [uv_bin, "pip", "install", "-q", "--no-config"]
    uv_install += ["--python", plain, REQUEST]
    pip_install: list[str | Path] = [
        plain / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        REQUEST,
    ]
    sides = [
        Side(
            name="lamina layer add",
            commands=[[lamina, "layer", "add", layer, REQUEST, "--quiet"]],
            prepare=new_layer,
            made=layer,
        ),
        Side(
            name="uv pip install",
            commands=[uv_install],
            prepare=lambda: new_environment(*uv_venv),
            made=plain,
        ),
        Side(
            name="uv in a cvmfs-venv",
            commands=[uv_install],
            prepare=new_cvmfs_venv,
            made=plain,
        ),
        Side(
            name="pip in a virtualenv",
            commands=[pip_install],
            prepare=lambda: new_environment(virtualenv, "-q", "--python", python),
            made=plain,
        ),
        Side(
            name="pip in a venv",
            commands=[pip_install],
            prepare=lambda: new_environment(python, "-m", "venv"),
            made=plain,
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
