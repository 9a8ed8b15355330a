"""Virtual environments: made once by each interpreter, and copied to where tests want them."""

from __future__ import annotations

import atexit
import functools
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

_THAT_KNOW_THEIR_PLACE = ("pyvenv.cfg", "bin/activate", "bin/activate.csh", "bin/activate.fish")


def make_venv(python: Path, prefix: Path, environ: Mapping[str, str]) -> None:
    """Leave what ``python -m venv --without-pip`` leaves, in a tenth of its time."""
    plain = shlex.quote(str(prefix)) == str(prefix)
    if not plain or prefix.exists() or not _is_of_this_machine(python):
        _make(python, prefix, environ)
        return
    made = _made(python, prefix.name)
    shutil.copytree(made, prefix, symlinks=True)
    for name in _THAT_KNOW_THEIR_PLACE:
        path = prefix / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(str(made), str(prefix)), encoding="utf-8")


def _is_of_this_machine(python: Path) -> bool:
    """Tell whether the interpreter is one that no test changes."""
    series = re.fullmatch(r"python(3\.\d+)", python.name)
    return series is not None and python == find_interpreter(series[1])


@functools.cache
def _made(python: Path, name: str) -> Path:
    """Return an environment that is not to be changed; its prompt is its name."""
    top = tempfile.mkdtemp(prefix="lamina-tests-venv-")
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    _make(python, Path(top, name), {})
    return Path(top, name)


def _make(python: Path, prefix: Path, environ: Mapping[str, str]) -> None:
    words = [str(python), "-m", "venv", "--without-pip", str(prefix)]
    done = subprocess.run(
        words, env=dict(environ), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr
