"""Programs of ours that run in the interpreter of a release which is being made."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import CommandFailedError, StorageError
from lamina.core.run import base_environment, run

if TYPE_CHECKING:
    from lamina.release.draft import Draft

_TARGET = Path(__file__).parents[1] / "_target"
_CANNOT_WRITE_OUTPUT = 120  # Python's exit code where its standard output could not be flushed


def run_staged(draft: Draft, script: str, *words: str | Path) -> str:
    """Run a script of ``_target`` in the stage's interpreter and return what it prints.

    The same each time: hashes are not random. Raises CommandFailedError, StorageError where the
    disk is full.
    """
    environment = base_environment(draft.request.environ)
    environment |= {"PYTHONHASHSEED": "0", "LAMINA_INDEX": "0"}
    python = draft.stage / "bin" / "python"
    try:
        command = [python, "-I", "-S", "-B", _TARGET / script, *words]
        return run(command, env=environment, log=draft.request.log).stdout
    except CommandFailedError as error:
        full = "No space left on device" in error.output or "quota" in error.output
        if full or error.returncode == _CANNOT_WRITE_OUTPUT:
            raise StorageError(
                f"{draft.stage} or {tempfile.gettempdir()}: no space left",
                hints=["free space on that file system, then run it again"],
            ) from error
        raise
