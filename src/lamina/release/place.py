"""Where a release that is not published yet can run: at its final path, or in its stage."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.run import Completed, base_environment, run
from lamina.engines.conda_prefix import META
from lamina.engines.namespace import MountNamespace

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A staged tree and how programs in it are started."""

    prefix: Path
    """The path that the tree has for programs that run here."""
    namespace: MountNamespace | None
    environ: Mapping[str, str]
    log: Path

    @property
    def interpreter(self) -> Path:
        """The Python of the release."""
        return self.prefix / "bin" / "python"

    def run(self, *argv: str | Path, home: Path, timeout: float) -> Completed:
        """Run a program with the release first on PATH and ``home`` as all it may write to."""
        words: list[str | Path] = list(argv)
        if self._is_conda:
            entry = self.prefix / "bin" / "activate"
            words = ["/bin/sh", "-c", '. "$0" && exec "$@"', entry, *words]
        if self.namespace is not None:
            words = list(self.namespace.command(*words))
        return run(
            words, env=self._environment(home), cwd=home, timeout=timeout, log=self.log, check=False
        )

    @property
    def _is_conda(self) -> bool:
        """Whether packages of the release may want to set variables first."""
        tree = self.prefix if self.namespace is None else self.namespace.stage
        return (tree / META).is_dir()

    def _environment(self, home: Path) -> dict[str, str]:
        kept = {
            name: value
            for name, value in base_environment(self.environ).items()
            if not name.startswith("XDG_")
        }
        return kept | {
            "HOME": str(home),
            "TMPDIR": str(home),
            "PATH": os.pathsep.join([str(self.prefix / "bin"), self.environ.get("PATH", "")]),
            "VIRTUAL_ENV": str(self.prefix),
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def final_place(
    *,
    stage: Path,
    final: Path,
    environ: Mapping[str, str],
    log: Path,
    interpreter: Path | None = None,
) -> Place | None:
    """Return the place where a stage runs at its final path; None where there are no namespaces.

    ``interpreter``: the prefix of the interpreter that the stage links to, read-only there as well.
    """
    kept = (interpreter,) if interpreter and not _holds_scratch(interpreter) else ()
    namespace = MountNamespace(stage=stage, final=final, hidden=stage.parent, kept=kept)
    if not namespace.available(environ):
        return None
    return Place(prefix=final, namespace=namespace, environ=environ, log=log)


def _holds_scratch(prefix: Path) -> bool:
    """Tell whether programs that run here have to write below a prefix."""
    return Path(tempfile.gettempdir()).resolve().is_relative_to(prefix.resolve())


def installed_place(prefix: Path, hidden: Path, environ: Mapping[str, str], log: Path) -> Place:
    """Return the place where a release runs as it is, read-only also for root where that can be.

    ``hidden``: an empty directory, for the time of all that runs.
    """
    interpreter = (prefix / "bin" / "python").resolve().parents[1]
    far = not interpreter.is_relative_to(prefix.resolve()) and not _holds_scratch(interpreter)
    kept = (interpreter,) if far else ()
    namespace = MountNamespace(stage=prefix, final=prefix, hidden=hidden, kept=kept)
    there = namespace.available(environ)
    return Place(prefix=prefix, namespace=namespace if there else None, environ=environ, log=log)


def staging_place(*, stage: Path, environ: Mapping[str, str], log: Path) -> Place:
    """Return the place where a stage runs as it is."""
    return Place(prefix=stage, namespace=None, environ=environ, log=log)
