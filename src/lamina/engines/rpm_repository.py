"""createrepo_c: what makes a directory of RPMs a repository for dnf."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.run import base_environment, run
from lamina.engines.rpm_package import require_program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HINTS = ["dnf install createrepo_c", "apt-get install createrepo-c"]


def require_createrepo(environ: Mapping[str, str]) -> Path:
    """Return the program; raises LaminaError that says how to get it."""
    return require_program("createrepo_c", environ, _HINTS)


def index_repository(
    directory: Path, program: Path, *, seconds: int, environ: Mapping[str, str], log: Path
) -> None:
    """Write ``repodata``, replaced in one step; ``seconds`` is the time in it, since 1970.

    Raises CommandFailedError.
    """
    words: list[str | Path] = [program, "--quiet", "--no-database", "--revision", str(seconds)]
    words += ["--set-timestamp-to-revision", directory]
    run(words, env=base_environment(environ), log=log)
