"""The published behaviour of cvmfs-venv 0.0.7, for comparison: python -m benchmarks.cvmfs_venv.

It makes a virtual environment that sees the system's packages, has ``activate`` put its
site-packages at the front of PYTHONPATH and ``deactivate`` take them away, and brings pip and
setuptools up to date with uv. Source: the description in the project's README.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import uv

_GO_FIRST = """
if [ -n "${PYTHONPATH:-}" ]; then
    _BEFORE_PYTHONPATH="$PYTHONPATH"
    PYTHONPATH="$(echo "$VIRTUAL_ENV"/lib/python3*/site-packages):$PYTHONPATH"
    export PYTHONPATH
fi
"""
_GO_BACK = """
    if [ -n "${_BEFORE_PYTHONPATH:-}" ]; then
        PYTHONPATH="$_BEFORE_PYTHONPATH"
        export PYTHONPATH
        unset _BEFORE_PYTHONPATH
    fi
"""


def make(place: Path, python: Path) -> None:
    """Make an environment as cvmfs-venv does."""
    subprocess.run([python, "-m", "venv", "--system-site-packages", place], check=True)
    activate = place / "bin" / "activate"
    head = "deactivate () {\n"
    text = activate.read_text(encoding="utf-8")
    if head not in text:
        sys.exit(f"{activate}: no function 'deactivate' as venv writes it")
    text = text.replace(head, head + _GO_BACK.lstrip("\n")) + _GO_FIRST
    activate.write_text(text, encoding="utf-8")
    install: list[str | Path] = [
        "pip",
        "install",
        "--quiet",
        "--no-config",
        "--python",
        place,
        "--upgrade",
    ]
    subprocess.run([uv.find_uv_bin(), *install, "pip", "setuptools"], check=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
