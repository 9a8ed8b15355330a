"""The base of an analysis stack as it was in February 2024, in the three shapes that bases have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.probe import read_distributions
from lamina.engines.uv_program import UvProgram
from lamina.layer.abi.scan import recorded_paths
from support.views import PINS
from support.workshop import run, site_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHAPES = ("view", "prefix", "directories")
"""One merged site-packages on PYTHONPATH; one merged prefix; one directory a package on it."""
_NO_MODULES = {"tests", "test", "examples", "docs", "__pycache__"}
_BATCH = 24
_IMPORT = """
import importlib, json, sys
for name in sys.argv[2:]:
    error = None
    try:
        importlib.import_module(name)
    except BaseException as caught:
        error = f"{type(caught).__name__}: {caught}"[:300]
    with open(sys.argv[1], "a", encoding="utf-8") as answers:
        answers.write(json.dumps([name, error]) + "\\n")
"""


@dataclass(frozen=True, kw_only=True)
class RealBase:
    """A base that is there already, and how a user finds it."""

    given: str
    """What a layer is made on."""
    python: Path
    environ: dict[str, str] = field(repr=False)
    """With the base set up, where it has to be."""
    sites: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Trio:
    """One set of installed packages, seen as three bases."""

    path: Path
    environ: dict[str, str] = field(repr=False)

    @classmethod
    def make(cls, path: Path, python: Path, environ: dict[str, str]) -> Trio:
        """Install the pins once; the other two shapes are hard links to the same files."""
        prefix, empty = path / "prefix", path / "python"
        for made in (prefix, empty):
            run([python, "-m", "venv", "--without-pip", made], environ)
        UvProgram(environ=environ).call(
            "pip", "install", "--quiet", "--python", prefix / "bin" / "python", "--no-deps",
            "--only-binary", ":all:", "--compile-bytecode", "--requirement", PINS,
        )  # fmt: skip
        site = site_of(prefix)
        shutil.copytree(site, path / "view" / "site-packages", copy_function=os.link)
        for one in read_distributions([str(site)]):
            target = path / "directories" / one.name / "site-packages"
            for file in _files(site, recorded_paths(one)):
                place = target / file.relative_to(site)
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, place)
        return cls(path=path, environ=environ)

    def base(self, shape: str) -> RealBase:
        """Return one of the shapes."""
        if shape == "prefix":
            prefix = self.path / "prefix"
            python = prefix / "bin" / "python"
            return RealBase(
                given=str(prefix), python=python, environ=self.environ, sites=(site_of(prefix),)
            )
        sites = tuple(sorted((self.path / shape).glob("**/site-packages")))
        python = self.path / "python" / "bin" / "python"
        environ = self.environ | {
            "PATH": f"{python.parent}:{self.environ['PATH']}",
            "PYTHONPATH": ":".join(map(str, sites)),
        }
        return RealBase(given="env", python=python, environ=environ, sites=sites)

    def contents(self) -> set[tuple[str, int, int]]:
        """Return every file with its size and time, byte code aside."""
        found = set()
        for directory, names, files in os.walk(self.path):
            names[:] = [one for one in names if one != "__pycache__"]
            for one in files:
                state = os.lstat(f"{directory}/{one}")
                found.add((f"{directory}/{one}", state.st_size, state.st_mtime_ns))
        return found


def _files(site: Path, names: Iterable[str]) -> set[Path]:
    """Return files below site-packages, and their byte code, each of them once."""
    files = {site / name for name in names if not name.startswith(("../", "/"))}
    code = {
        compiled
        for file in files
        if file.suffix == ".py"
        for compiled in file.parent.glob(f"__pycache__/{file.stem}.cpython-*.pyc")
    }
    return {file for file in files | code if file.is_file()}


def modules_in(sites: Iterable[Path]) -> set[str]:
    """Return the modules at the top of directories; of namespaces, those one level below."""
    found: set[str] = set()
    for site in sites:
        for name, path in _modules(site):
            if path.is_dir() and not (path / "__init__.py").exists():
                found |= {f"{name}.{below}" for below, _ in _modules(path)}
            else:
                found.add(name)
    return found


def _modules(directory: Path) -> Iterable[tuple[str, Path]]:
    for path in directory.iterdir():
        name, _, suffix = path.name.partition(".")
        module = suffix == "py" or suffix.endswith("so") or (path.is_dir() and not suffix)
        if module and name.isidentifier() and name not in _NO_MODULES:
            yield name, path


def imports(python: Path, modules: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Import modules, many in one process, and return the errors of those that also fail alone."""
    names = sorted(modules)
    batches = [names[at : at + _BATCH] for at in range(0, len(names), _BATCH)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        first = _joined(pool.map(lambda one: _imported(python, one, environ), batches))
        alone = [[name] for name in names if first.get(name, "") is not None]
        again = _joined(pool.map(lambda one: _imported(python, one, environ), alone))
    return {name: error for [name] in alone if (error := again.get(name, "died")) is not None}


def _joined(parts: Iterable[dict[str, str | None]]) -> dict[str, str | None]:
    return {name: error for part in parts for name, error in part.items()}


def _imported(python: Path, names: list[str], environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return name -> error or None; what is missing died."""
    answers = Path(environ["HOME"]) / f"answers-{time.monotonic_ns()}-{names[0]}"
    env = dict(environ) | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    argv: list[str | Path] = [python, "-c", _IMPORT, answers, *names]
    subprocess.run(
        argv, env=env, cwd=environ["HOME"], capture_output=True, check=False, timeout=600,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    lines = answers.read_text(encoding="utf-8").splitlines() if answers.exists() else []
    return dict(json.loads(line) for line in lines)


def pip_check(python: Path, environ: Mapping[str, str]) -> list[str]:
    """Return what ``pip check`` finds, as pip sees it that came with the interpreter."""
    code = "import ensurepip, os; print(os.path.dirname(ensurepip.__file__))"
    bundled = Path(run([python, "-c", code], dict(environ)).strip()) / "_bundled"
    [wheel] = bundled.glob("pip-*.whl")
    answer = subprocess.run(
        [python, "-B", f"{wheel}/pip", "check", "--disable-pip-version-check"],
        env=dict(environ), cwd=environ["HOME"], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    lines = answer.stdout.splitlines()
    return [] if lines == ["No broken requirements found."] else [*lines, answer.stderr]
