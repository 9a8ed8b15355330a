"""``lamina build`` of a stack's sources: one worker and two, here and of Dask, cold and warm.

Against what people do with a list of source distributions: ``pip wheel`` for one after the other,
each with build requirements of its own. pip applies no patches and runs no hooks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import uv

from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs
from lamina.engines.interpreters import MachineInterpreters
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distributed import LocalCluster

LAMINA = (sys.executable, "-m", "lamina")


@contextmanager
def _cluster() -> Iterator[LocalCluster]:
    """Yield a cluster of Dask on loopback, whose workers are processes."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster


def run(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure the builds of one stack; only sources and build requirements are there before."""
    home, cache = work / "stack", work / "cache"
    shutil.copytree(stack, home)
    environ = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    for words in (["lock"], ["build", "--dry-run"]):
        subprocess.run(
            [*LAMINA, *words, "--stack", home, "--quiet"], env=environ, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    built = cache / "lamina" / "builds"
    sources = sorted((built / "sources").glob("*/*"))

    def cold() -> None:
        fs.remove_tree(built / "wheels")

    with _cluster() as cluster:

        def side(name: str, on: str, prepare: Callable[[], object]) -> Side:
            command: list[str | Path] = [*LAMINA, "build", "--quiet", "--stack", home, "--on", on]
            return Side(name=name, commands=[command], prepare=prepare, environ=environ)

        def workers(count: int) -> Callable[[], None]:
            def prepare() -> None:
                cluster.scale(count)
                cluster.wait_for_workers(count)
                cold()

            return prepare

        dask = f"dask://{cluster.scheduler_address.removeprefix('tcp://')}"
        sides = [
            side("local:1", "local:1", cold),
            side("local:2", "local:2", cold),
            side("dask, 1 worker", dask, workers(1)),
            side("dask, 2 workers", dask, workers(2)),
            side("local, warm", "local:2", lambda: None),
            side("dask, warm", dask, lambda: None),
            _pip(sources, work / "pip", environ),
        ]
        title = f"build {stack.name}, {len(sources)} packages"
        try:
            return compare(title, sides, rounds=rounds, reference="local:1", warm=False)
        finally:
            with suppress(OSError):
                fs.remove_tree(work)


def _pip(sources: list[Path], work: Path, environ: dict[str, str]) -> Side:
    python = MachineInterpreters(environ=environ).find(PythonSeries(3, 12))
    subprocess.run(
        [uv.find_uv_bin(), "venv", "--seed", "--no-config", "--quiet", "--python", python, work],
        check=True,
    )
    wheel: list[str | Path] = [
        work / "bin/python",
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-cache-dir",
    ]
    commands: list[list[str | Path]] = [[*wheel, "-w", work / "out", one] for one in sources]
    return Side(
        name="pip wheel, one by one",
        commands=commands,
        prepare=lambda: fs.remove_tree(work / "out"),
        environ=environ,
        forgiven=frozenset({1}),
    )
