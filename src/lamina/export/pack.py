"""A pack: an archive that is unpacked anywhere, and made to work there by ``bin/lamina-unpack``.

Its members are the files as they were published, with the old prefix in them: so their digests are
those of the listing. Which of them name the prefix is in ``.lamina/prefixes.json``, its last one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina._target import joined
from lamina._target.reprefix import RefusedError, check_path, json_text
from lamina.core import fs
from lamina.core.errors import ConflictError, StorageError, UsageError
from lamina.export.cargo import Cargo, Loader, Named, Part
from lamina.export.launcher import (
    ALIAS_NAME,
    LAUNCHER_NAME,
    PACK_NAME,
    PREFIXES_NAME,
    UNPACK_NAME,
    UNPACK_PARTS,
    launcher,
)
from lamina.export.writers import FORMATS, Format, archiving
from lamina.model.digests import digest_of_bytes
from lamina.release.mtree import MTREE_NAME, read_listing
from lamina.release.root import INTERNAL
from lamina.release.space import require_space

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PACK_SCHEMA = 1
SMALLEST = 0.15
"""What is left of programs and byte code when they are compressed, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A pack that was written."""

    path: Path
    size: int
    content: int
    """Bytes of the files in it."""
    named: int
    """Files that name the prefix."""


def format_of(path: Path, wanted: str | None = None) -> Format:
    """Return the format that was asked for, or that a file name says; raises UsageError."""
    said = next((one for one in FORMATS if path.name.endswith(f".{one}")), None)
    if said is not None and wanted not in (None, said):
        raise UsageError(
            f"{path}: is it to be {said}, as its name says, or {wanted}?",
            hints=[f"-o {shlex.quote(path.name.removesuffix(said) + str(wanted))}"],
        )
    for one in FORMATS:
        if one in (wanted, said):
            return one
    raise UsageError(
        f"{path}: which archive is it to be?",
        hints=[f"-o {shlex.quote(path.name)}.tar.zst", f"--format {'|'.join(FORMATS)}"],
    )


def write_pack(cargo: Cargo, path: Path, form: Format) -> Packed:
    """Write a pack in one step; the same cargo gives the same bytes.

    Raises ConflictError where there is something, StorageError when there is no space, also in the
    middle of it, IntegrityError when a file is not as it was published.
    """
    check_writable(cargo, path, least=1.0 if form == "tar" else SMALLEST)
    with fs.replacing(path) as stream:
        with archiving(stream, form, cargo.seconds) as writer:
            named = fill(cargo, Loader(cargo, writer))
        size = stream.seek(0, 2)
    return Packed(path=path, size=size, content=cargo.size, named=len(named))


def check_writable(cargo: Cargo, path: Path, *, least: float = SMALLEST) -> None:
    """Raise ConflictError, UsageError or StorageError where nothing of it can be written.

    ``least``: what is left of the files, of 1.
    """
    check_free(path)
    try:
        for one in cargo.parts:
            check_path(one.prefix)
    except RefusedError as error:
        raise UsageError(f"{error.message}: it could not be replaced elsewhere") from error
    directory = path.absolute().parent
    require_space(directory, int(cargo.size * least), what=f"a pack of {cargo.name}")


def check_free(path: Path) -> None:
    """Raise ConflictError where there is something, StorageError where no file can be."""
    if path.exists() or path.is_symlink():
        raise ConflictError(f"{path}: is there already", hints=[f"rm {shlex.quote(str(path))}"])
    directory = path.absolute().parent
    if not directory.is_dir():
        raise StorageError(f"{directory}: no such directory")


def fill(cargo: Cargo, loader: Loader) -> list[Named]:
    """Write the members of a pack, and return what names a prefix."""
    loader.add(PACK_NAME, json_text(described_pack(cargo)))
    named = loader.load()
    loader.add(LAUNCHER_NAME, launcher(cargo).encode(), mode=0o755)
    loader.writer.link(ALIAS_NAME, LAUNCHER_NAME.rpartition("/")[2])
    loader.add(UNPACK_NAME, joined(*UNPACK_PARTS).encode())
    # Last, so that an archive without it is not a whole one.
    loader.add(PREFIXES_NAME, json_text(described_prefixes(cargo, named)))
    return named


def described_pack(cargo: Cargo) -> dict[str, Any]:
    """Return what is said of a cargo before all else."""
    return {
        "schema": PACK_SCHEMA,
        "name": cargo.name,
        "platform": str(cargo.platform),
        "interpreter": cargo.interpreter,
        "prefixes": [_prefix(one) for one in cargo.parts],
        "files-digest": _digest_of_listing(cargo),
    }


def _digest_of_listing(cargo: Cargo) -> str | None:
    """Return the digest of a release's listing; a layer has none."""
    listing = cargo.sources.get(f"{INTERNAL}/{MTREE_NAME}")
    return digest_of_bytes(read_listing(listing)) if listing else None


def described_prefixes(cargo: Cargo, named: Iterable[Named]) -> dict[str, Any]:
    """Return which files name a prefix, known when all is written."""
    return {
        "schema": PACK_SCHEMA,
        "prefixes": [_prefix(one) for one in cargo.parts],
        "files": [one.value() for one in named],
    }


def _prefix(part: Part) -> dict[str, Any]:
    return {
        "path": part.prefix,
        "inside": part.inside,
        "name": part.name,
        "lock-digest": part.lock_digest,
    }
