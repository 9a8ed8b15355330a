"""Patches, applied by patch(1): the program whose word on hunks everybody knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import BuildFailedError, CommandFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lamina.build.wheels.order import Patch
    from lamina.engines.build_room import BuildRoom


_ANEW = (
    "make it anew against the sources of this version: all lines of a hunk have to be in them, "
    "those around the change too"
)


def apply_patches(patches: Iterable[Patch], source: Path, room: BuildRoom, name: str) -> None:
    """Apply patches to sources, with the first directory of their names taken off (``-p1``).

    A hunk may have moved by some lines; all lines around it have to be there (``--fuzz=0``), or it
    may end in a place that its author never saw.

    Raises BuildFailedError that names the patch, the file and the hunk that does not apply.
    """
    for patch in patches:
        given = room.work / f"{patch.sha256[:24]}.patch"
        fs.write_bytes(given, patch.content, durable=False)
        try:
            room.run(
                *("patch", "-p1", "--batch", "--forward", "--no-backup-if-mismatch", "--fuzz=0"),
                *("--reject-file=-", f"--input={given.resolve()}"),
                cwd=source,
            )
        except CommandFailedError as error:
            where = "; ".join(_rejected(room.log.read_text("utf-8", "replace"))) or error.output
            raise BuildFailedError(
                f"{name}: {patch.name} does not apply: {where}",
                hints=[_ANEW],
            ) from error


def _rejected(log: str) -> list[str]:
    """Return ``file, hunk 2 at line 14`` for each that the last patch in a log says it is."""
    found, file = [], ""
    for line in log[log.rfind("\n$ ") + 1 :].splitlines():
        if match := re.match(r"(?:checking|patching) file '?([^']+?)'?$", line):
            file = match[1]
        elif match := re.match(r"Hunk #(\d+) (FAILED|ignored|skipped) at (\d+)", line):
            found.append(f"{file}, hunk {match[1]} at line {match[3]}")
        elif "can't find file to patch" in line:
            found.append("it is for a file that is not there")
        elif re.match(r"The next patch .*|.*[Rr]eversed \(or previously applied\)", line):
            found.append("it is applied already")
        elif "Only garbage was found" in line or "malformed patch" in line:
            found.append(line.strip())
    return list(dict.fromkeys(found))
