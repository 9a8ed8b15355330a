"""A release as a file system in one file, and a script that runs commands at its prefix."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lamina.core import fs
from lamina.core.durability import flush_tree
from lamina.core.errors import ConflictError, StorageError, UsageError
from lamina.core.scratch import scratch_directory
from lamina.engines.squashfs import find_program, write_squashfs
from lamina.export.cargo import Loader
from lamina.export.writers import TarWriter
from lamina.release.space import require_space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.export.cargo import Cargo

_SMALLEST = 0.15
"""What is left of a release when it is compressed, at least."""
_SCRIPT = Path(__file__).with_name("squashfs_run.sh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Squashed:
    """A file system that was written."""

    path: Path
    script: Path
    size: int
    content: int
    """Bytes of the files in it."""


def check_places(path: Path, environ: Mapping[str, str]) -> Path:
    """Return where the script will be; raises as ``write_release_squashfs`` where nothing can be.

    StorageError where there is no directory.
    """
    script = path.with_suffix(".run")
    if script == path:
        raise UsageError(f"{path}: that is the name of the script", hints=["-o NAME.sqfs"])
    for one in (path, script):
        if one.exists() or one.is_symlink():
            raise ConflictError(f"{one}: is there already", hints=[f"rm {shlex.quote(str(one))}"])
    find_program(environ)
    directory = path.absolute().parent
    if not directory.is_dir():
        raise StorageError(f"{directory}: no such directory")
    return script


def write_release_squashfs(cargo: Cargo, path: Path, environ: Mapping[str, str]) -> Squashed:
    """Write the file system and, beside it, its script; the same cargo gives the same bytes.

    Raises ConflictError where there is something, NotSupportedError without squashfs-tools,
    IntegrityError when a file is not as it was published, StorageError.
    """
    script = check_places(path, environ)
    directory = path.absolute().parent
    require_space(directory, int(cargo.size * _SMALLEST), what=f"a file system of {cargo.name}")

    def fill(stream: IO[bytes]) -> None:
        writer = TarWriter(stream, cargo.seconds)
        Loader(cargo, writer, listed_modes=True).load()  # Nobody unpacks it to write there.
        writer.close()

    with scratch_directory(".lamina-squashfs-", directory) as scratch:
        made = scratch / path.name
        write_squashfs(made, cargo.seconds, fill, environ)
        fs.set_mode(made, 0o644)
        fs.write_text(scratch / script.name, _script(cargo, made, path.name), mode=0o755)
        flush_tree(made)
        fs.rename(made, path)
        try:
            fs.rename(scratch / script.name, script)
        except BaseException:
            fs.remove_file(path)
            raise
    return Squashed(path=path, script=script, size=path.stat().st_size, content=cargo.size)


def _script(cargo: Cargo, made: Path, name: str) -> str:
    text = _SCRIPT.read_text(encoding="utf-8")
    values = {"@NAME@": cargo.name, "@PREFIX@": cargo.parts[0].prefix, "@FILE@": name}
    values["@SIZE@"] = str(made.stat().st_size)
    # In one go: a path may have one of these words in it.
    return re.sub("|".join(values), lambda found: shlex.quote(values[found.group()]), text)
