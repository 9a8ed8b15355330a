"""Import modules with an interpreter, so that what crashes or hangs is one finding."""

from __future__ import annotations

import json
import math
import os
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina._target import import_probe as probe_code
from lamina.core import fs
from lamina.core.errors import TookTooLongError
from lamina.core.run import Completed, base_environment, run
from lamina.layer.imports.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.engines.namespace import MountNamespace

_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "ROOTSYS", "CUDA_HOME")
_SECONDS = 120.0
_PROCESSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How modules are imported."""

    python: Path
    environ: Mapping[str, str]
    keep: Path | None = None
    """Byte code of modules below this directory is written; of no others."""
    seconds: float = _SECONDS
    """How long one module may take."""
    view: MountNamespace | None = None
    """What it is that the interpreter sees, and cannot write to."""
    grace: float = 60
    """How many seconds more a process may take, whatever its own watchdog does."""

    def failures(self, modules: Sequence[str]) -> dict[str, Failure]:
        """Return the modules that cannot be imported.

        They are imported one after the other by a few processes. What fails there is tried again
        alone, as a module that failed before may have left something half-done.
        """
        batches = _batches(sorted(set(modules)))
        doubtful = [name for found in self._all(batches) for name in found]
        alone = self._all([[name] for name in doubtful])
        return {name: failure for found in alone for name, failure in found.items()}

    def _all(self, batches: Sequence[Sequence[str]]) -> list[dict[str, Failure]]:
        with ThreadPoolExecutor(max_workers=_workers()) as pool:
            return list(pool.map(self._batch, batches))

    def _batch(self, modules: Sequence[str]) -> dict[str, Failure]:
        """Import one module after the other, after a crash those that are left."""
        found: dict[str, Failure] = {}
        left = list(modules)
        while left:
            results, ended = self._process(left)
            found |= {name: one for name, one in results.items() if one is not None}
            left = [name for name in left if name not in results]
            if left:
                found[left[0]] = Failure(module=left[0], error=_death(ended, self.seconds))
                left = left[1:]
        return found

    def _process(self, modules: Sequence[str]) -> tuple[dict[str, Failure | None], Completed]:
        """Return what one process found out before it ended, and how it ended."""
        with tempfile.TemporaryDirectory(prefix="lamina-") as name:
            work = Path(name)
            question, answers = work / "question.json", work / "answers"
            asked = {
                "modules": list(modules),
                "seconds": self.seconds,
                "keep": str(self.keep.resolve()) if self.keep is not None else None,
            }
            fs.write_text(question, json.dumps(asked), durable=False)
            fs.make_directory(work / "home")
            words: list[str | Path] = [self.python, "-I", "-B", probe_code.__file__]
            words += [question, answers]
            try:
                ended = run(
                    self.view.command(*words) if self.view is not None else words,
                    env=self._environment(work / "home"),
                    cwd=work / "home",
                    timeout=self.seconds * (len(modules) + 1) + self.grace,
                    check=False,
                )
            except TookTooLongError:
                # A module has turned the watchdog off, and then hung.
                ended = Completed(returncode=1, stdout="", stderr=probe_code.TOO_LONG)
            try:
                lines = answers.read_text(encoding="utf-8").splitlines()
            except OSError:
                lines = []
        return {one.module: failure for one, failure in map(_answer, lines)}, ended

    def _environment(self, home: Path) -> dict[str, str]:
        """Return an environment in which importing leaves nothing in the user's home."""
        env = base_environment(self.environ)
        kept = {name: value for name, value in env.items() if not name.startswith("XDG_")}
        kept |= {name: self.environ[name] for name in _LIBRARY_PATHS if name in self.environ}
        return kept | {
            "HOME": str(home),
            "TMPDIR": str(home),
            "MPLBACKEND": "Agg",
            "QT_QPA_PLATFORM": "offscreen",
            # Each process uses one core already.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }


def _answer(line: str) -> tuple[Failure, Failure | None]:
    """Return the module that a line is about, and its failure."""
    data: dict[str, Any] = json.loads(line)
    failure = Failure(module=data["module"], error=data["error"] or "", files=tuple(data["files"]))
    return failure, failure if data["error"] is not None else None


def _workers() -> int:
    return max(1, min(_PROCESSES, os.cpu_count() or 1))


def _batches(modules: Sequence[str]) -> list[Sequence[str]]:
    """Return neighbours together: names that begin alike tend to import the same."""
    size = max(1, math.ceil(len(modules) / _workers()))
    return [modules[at : at + size] for at in range(0, len(modules), size)]


def _death(ended: Completed, seconds: float) -> str:
    """Say how an interpreter ended that was importing."""
    if ended.returncode < 0:
        try:
            name = signal.Signals(-ended.returncode).name
        except ValueError:
            name = f"signal {-ended.returncode}"
        return f"the interpreter crashed ({name})"
    if probe_code.TOO_LONG in ended.stderr:
        return f"not imported within {seconds:g} s"
    return f"the interpreter ended with exit code {ended.returncode}"
