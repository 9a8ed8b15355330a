"""The same packages and the same Python in every shape in which experiments give them out."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from benchmarks.publish import lock_for_uv
from lamina.lock.files import LOCK_NAME
from lamina.stack.files import STACK_NAME, load_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS, NO_INDEX, VENV = "lamina", "lamina-no-index", "venv"
CONDA, VIEW, DIRECTORIES = "conda", "view", "directories"
SIDES = (OURS, NO_INDEX, VENV, CONDA, VIEW, DIRECTORIES)
PYTHON = "python3.12"
SITE = f"lib/{PYTHON}/site-packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One shape: an interpreter and its packages below one directory, and how it is started."""

    name: str
    prefix: Path
    python: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def environ(self, home: Path) -> dict[str, str]:
        """Return all that the program is told; fonts and the like are remembered in ``home``."""
        plain = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
        return {**plain, **self.settings}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """Every side, the interpreter of ours without any packages, and what is imported."""

    starts: Mapping[str, Start]
    bare: Path
    imports: tuple[str, ...]

    @property
    def statement(self) -> str:
        """Return the line of Python that is measured."""
        return f"import {', '.join(self.imports)}"


def build(stack: Path, work: Path, *, release: Path | None = None) -> Shapes:
    """Make what is not yet in ``work``: a release, unless there is one, and every other shape."""
    locked = work / "locked"
    locked.mkdir(exist_ok=True)
    if release is not None:
        shutil.copyfile(release / ".lamina" / "stack.toml", locked / STACK_NAME)
        shutil.copyfile(release / ".lamina" / "lamina.lock", locked / LOCK_NAME)
    else:
        release = _publish(stack, locked, work / "root")
    imports = tuple(str(name) for name in load_stack(locked / STACK_NAME).test.imports)
    interpreter = release / "python"
    venv, conda, split = work / "venv", work / "conda", work / "split"
    if not venv.exists():
        _make_venv(locked, interpreter, venv)
    site = venv / "env" / SITE
    if not conda.exists():
        link_tree(interpreter, conda)
        link_tree(site, conda / SITE)
        for foreign in (conda / SITE).glob("_virtualenv*"):
            foreign.unlink()
    if not split.exists():
        link_tree(interpreter, split / "python")
        split_by_package(site, split)
    return Shapes(starts=_starts(release, work), bare=interpreter / "bin" / PYTHON, imports=imports)


def _starts(release: Path, work: Path) -> dict[str, Start]:
    venv, conda, split = work / "venv", work / "conda", work / "split"
    separate = split / "python" / "bin" / PYTHON
    each = os.pathsep.join(str(path) for path in sorted(split.glob(f"packages/*/*/{SITE}")))
    own = release / "bin" / "python"
    starts = (
        Start(name=OURS, prefix=release, python=own),
        Start(name=NO_INDEX, prefix=release, python=own, settings={"LAMINA_INDEX": "0"}),
        Start(name=VENV, prefix=venv, python=venv / "env" / "bin" / "python"),
        Start(name=CONDA, prefix=conda, python=conda / "bin" / PYTHON),
        Start(
            name=VIEW,
            prefix=split,
            python=separate,
            settings={"PYTHONPATH": str(split / "view" / SITE)},
        ),
        Start(name=DIRECTORIES, prefix=split, python=separate, settings={"PYTHONPATH": each}),
    )
    return {start.name: start for start in starts}


def _publish(stack: Path, locked: Path, root: Path) -> Path:
    """Publish a stack, with its tests: what they import may be what its start is made ready for."""
    lamina = [sys.executable, "-m", "lamina"]
    if not (root / "releases").exists():
        for file in (STACK_NAME, LOCK_NAME):
            if (stack / file).exists():
                shutil.copy(stack / file, locked)
        subprocess.run([*lamina, "lock", "--stack", locked, "--quiet"], check=True)
        words: list[str | Path] = [
            "publish",
            "--stack",
            locked,
            "--root",
            root,
            "--quiet",
            "--json",
        ]
        answer = subprocess.run([*lamina, *words], check=True, capture_output=True)
        return Path(json.loads(answer.stdout)["prefix"])
    [release] = root.glob("releases/*/*/*")
    return release


def _make_venv(locked: Path, interpreter: Path, target: Path) -> None:
    """Make what ``uv venv`` and ``uv pip sync`` of the lock make, over a copy of ours' Python."""
    _, listing = lock_for_uv(locked)
    link_tree(interpreter, target / "python")
    venv, program = target / "env", uv.find_uv_bin()
    python = venv / "bin" / "python"
    base = target / "python" / "bin" / PYTHON
    sync: list[str | Path] = ["pip", "sync", listing, "--python", python]
    sync += ["--preview-features", "pylock"]
    for words in (["venv", venv, "--python", base, "--no-project"], sync):
        subprocess.run([program, *words, "--no-config", "--quiet"], check=True)
    # 1: some files are not for this Python.
    compiling: list[str | Path] = [python, "-m", "compileall", "-q", "-j", "0", venv / "lib"]
    subprocess.run(compiling, check=False, capture_output=True)


def split_by_package(site: Path, target: Path) -> None:
    """Lay out a site-packages as ``packages/NAME/VERSION``, and a view of symbolic links to it."""
    for metadata in sorted(site.glob("*.dist-info")):
        name, version = re.split(r"-(?=[^-]*$)", metadata.name.removesuffix(".dist-info"))
        home = target / "packages" / name / version / SITE
        for path in files_of(metadata):
            for place in (home / path, target / "view" / SITE / path):
                place.parent.mkdir(parents=True, exist_ok=True)
            (home / path).hardlink_to(site / path)
            (target / "view" / SITE / path).symlink_to(home / path)


def files_of(metadata: Path) -> Iterator[str]:
    """Give the files of a distribution below its site-packages, byte code among them."""
    site = metadata.parent
    seen = set()
    with (metadata / "RECORD").open(encoding="utf-8", newline="") as record:
        listed = [row[0] for row in csv.reader(record) if row]
    for path in listed:
        top, name = os.path.split(path)
        code = Path(top, "__pycache__", f"{name.removesuffix('.py')}.{sys_tag()}.pyc")
        for one in (path, str(code)) if name.endswith(".py") else (path,):
            if not one.startswith("..") and one not in seen and (site / one).is_file():
                seen.add(one)
                yield one


def sys_tag() -> str:
    """Return what the byte code of ``PYTHON`` has in its name."""
    return f"cpython-{PYTHON.removeprefix('python').replace('.', '')}"


def link_tree(source: Path, target: Path) -> None:
    """Make the same directories with hard links to the files, copies where that cannot be."""
    shutil.copytree(source, target, symlinks=True, copy_function=_link, dirs_exist_ok=True)
    for top, _, _ in os.walk(target):
        Path(top).chmod(0o755)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
