"""The hooks of a package: commands of a stack's author, each run by one ``/bin/sh -e``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import BuildFailedError, CommandFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.build_room import BuildRoom


def run_hook(
    room: BuildRoom, package: str, hook: str, text: str, *, cwd: Path, also: Path | None = None
) -> None:
    """Run a hook, which may write to ``also`` too.

    Raises BuildFailedError that names it, with the last line that it wrote.
    """
    report.note(f"{package}: {hook}")
    try:
        room.run("/bin/sh", "-e", "-c", text, cwd=cwd, also=also)
    except CommandFailedError as error:
        lines = [line.strip() for line in error.output.splitlines() if line.strip()]
        code = error.returncode
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        said = f": {lines[-1]}" if lines else ""
        raise BuildFailedError(
            f"{package}: its hook {hook} ended with {ended}{said}",
            hints=[f"less {shlex.quote(str(room.log))}"],
        ) from error
