"""``mksquashfs``: a tar that comes becomes a file system in one file.

Not sqfstar, of the same package: that of 4.5 takes no level of compression.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import shutil
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lamina.core.errors import CommandFailedError, NotSupportedError, StorageError
from lamina.core.run import base_environment, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MEMORY = "16M"
"""The least that it takes: no slower than more, and the files of a release are many, not large."""
_LAST_SECOND = 0xFFFF_FFFF
"""The last that there is in a squashfs, in the year 2106."""
_LEVEL = 9
"""As of packs; the 15 that it would take gives files 6 % smaller, in ten times the time."""
_HINTS = (
    "apt install squashfs-tools (4.5 or newer)",
    "or a conda package: squashfs-tools",
)


def find_program(environ: Mapping[str, str]) -> Path:
    """Return the program; raises NotSupportedError, naming the package that has it."""
    found = shutil.which("mksquashfs", path=environ.get("PATH"))
    if found is None:
        raise NotSupportedError(
            "there is no program mksquashfs, which makes squashfs", hints=_HINTS
        )
    return Path(found)


def write_squashfs(
    target: Path,
    seconds: int,
    write: Callable[[IO[bytes]], None],
    environ: Mapping[str, str],
) -> None:
    """Make ``target`` of the tar that ``write`` writes into a stream; the same tar, the same bytes.

    ``seconds`` since 1970 is when the file system was made. What ``write`` raises is raised, and
    StorageError where the program cannot write.
    """
    seconds = min(seconds, _LAST_SECOND)
    words: list[str | Path] = [find_program(environ), "-", target, "-tar", "-quiet", "-no-progress"]
    words += ["-comp", "zstd", "-Xcompression-level", str(_LEVEL), "-exit-on-error", "-no-xattrs"]
    words += ["-root-mode", "755", "-root-uid", "0", "-root-gid", "0", "-mem", _MEMORY]
    # -root-time alone is passed over by 4.5.
    words += ["-mkfs-time", str(seconds), "-all-time", str(seconds)]
    environment = base_environment(environ)
    environment.pop("SOURCE_DATE_EPOCH", None)  # It refuses that together with a time.
    failures: list[BaseException] = []
    end, beginning = os.pipe()

    def fill() -> None:
        try:
            # Broken where the program ends too soon: it says why.
            with contextlib.suppress(BrokenPipeError), open(beginning, "wb") as stream:  # noqa: PTH123
                write(stream)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            failures.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(fill,))
    thread.start()
    try:
        done = run(words, env=environment, stdin=end, check=False)
    finally:
        thread.join()
    if failures:
        raise failures[0]
    if done.returncode:
        raise _refused(target, done.returncode, (done.stderr or done.stdout).strip())


def _refused(target: Path, code: int, said: str) -> CommandFailedError | StorageError:
    """Return what the program's own words mean."""
    if "No space" in said:
        return StorageError(
            f"{target.name}: no space is left on its file system",
            hints=["free space there, or choose another directory"],
        )
    hints = _HINTS if "-tar" in said else ()
    return CommandFailedError(program="mksquashfs", returncode=code, output=said, hints=hints)
