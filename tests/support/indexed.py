"""A prefix with a start-up index that has whatever is odd about imports, without a publication."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lamina.engines.interpreters import inspect_interpreter
from lamina.release.bundle import bundle_interpreter
from lamina.release.start_index import plant
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

_TARGET = Path(plant.__code__.co_filename).parents[1] / "_target"
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
KEY = "0123456789abcdef"
_NOT_OURS = ("PYTHON", "LAMINA_", "COVERAGE", "COV_", "VIRTUAL_ENV", "PYTEST")


@dataclass(frozen=True, slots=True)
class Answer:
    """How a program ended and what it wrote."""

    code: int
    out: str
    err: str

    def lines(self) -> list[str]:
        """Return all of it, line by line."""
        return [f"exit {self.code}", *self.out.splitlines(), *self.err.splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """A prefix, in which programs run with the index and without it."""

    prefix: Path
    series: str
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_environment()))

    @property
    def site(self) -> Path:
        """Where its packages are."""
        return self.prefix / "lib" / f"python{self.series}" / "site-packages"

    @property
    def library(self) -> Path:
        """Where the modules of ours are: the standard library of a bundled interpreter."""
        return next(self.prefix.glob("**/_lamina_start.py")).parent

    @property
    def index(self) -> Path:
        """Where its index is."""
        return self.prefix / ".lamina" / "index"

    def run(
        self, *words: str | Path, use: bool = True, cwd: Path | None = None, **env: str
    ) -> Answer:
        """Run Python with words, using the index or not."""
        command = [self.prefix / "bin" / "python", *words]
        environment = dict(self.env) | env | ({} if use else {"LAMINA_INDEX": "0"})
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            env=environment,
            cwd=cwd or self.prefix,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
        out, err = (_ADDRESS.sub("0x", text) for text in (ended.stdout, ended.stderr))
        return Answer(ended.returncode, out, err)

    def both(self, *words: str | Path, **options: Any) -> Answer:
        """Run Python with the index and without it, and return what both of them answer."""
        answer = self.run(*words, **options)
        plain = self.run(*words, use=False, **options)
        lines = (plain.lines(), answer.lines())
        assert answer == plain, "\n".join(unified_diff(*lines, "without", "with", lineterm=""))
        return answer


def _environment() -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_OURS)}
    return kept | {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def make_prefix(
    prefix: Path, series: str, files: Mapping[str, str | bytes], *, bundle: bool = False
) -> Indexed:
    """Make an environment with files in site-packages, without an index yet."""
    python = find_interpreter(series)
    if bundle:
        interpreter = inspect_interpreter(python, os.environ)
        assert interpreter is not None
        copy = prefix / "python"
        python = bundle_interpreter(interpreter, copy, final=copy, environ=os.environ)
    subprocess.run([python, "-I", "-m", "venv", "--without-pip", prefix], check=True)
    made = Indexed(prefix=prefix, series=series)
    for name, content in files.items():
        path = made.site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return made


def write_index(
    made: Indexed, *, hot: str = "", key: str = KEY, uncompiled: str = "none"
) -> Indexed:
    """Compile the tree and give it an index; what begins with ``hot`` is what a start needs."""
    answer = _run_target(made, "compile_tree.py", made.prefix, "2")
    assert "failed" in json.loads(answer)
    for path in made.site.glob(f"__pycache__/{uncompiled}.*"):
        path.unlink()
    planted = plant(made.prefix, key)
    files = [str(path.relative_to(made.prefix)) for path in made.prefix.glob("lib/**/*.pyc")]
    record = {
        "files": sorted(file for file in files if hot and f"site-packages/{hot}" in file),
        "libraries": [],
        "needs": {},
        "parts": {},
    }
    path = made.prefix / ".lamina" / "start.json"
    made.index.mkdir(parents=True)
    path.write_text(json.dumps(record))
    _run_target(made, "write_index.py", made.prefix, key, path, "", *planted)
    return made


def _run_target(made: Indexed, script: str, *words: str | Path) -> str:
    command = ["-I", "-S", "-B", _TARGET / script, *words]
    answer = made.run(*command, use=False)
    assert answer.code == 0, answer.err
    return answer.out


def copy_of(made: Indexed, prefix: Path) -> Indexed:
    """Return a copy at another path, which a test may spoil."""
    shutil.copytree(made.prefix, prefix, symlinks=True)
    return Indexed(prefix=prefix, series=made.series)


@functools.cache
def extension_of(series: str) -> tuple[str, bytes]:
    """Return the suffix and the content of a compiled module of an interpreter: ``_heapq``."""
    code = "import _heapq; print(_heapq.__file__)"
    python = find_interpreter(series)
    path = Path(subprocess.check_output([python, "-c", code], text=True).strip())
    return path.name.partition(".")[2], path.read_bytes()
