"""An installer: a shell script with a pack behind it, for machines that have only the system.

The script is the first block of the file, with the digest of each part of what follows. The pack is
a tar compressed with gzip, as ``lamina export --as pack`` writes it, and is never changed again.
"""

from __future__ import annotations

import mmap
import os
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from lamina.core import fs
from lamina.core.errors import IntegrityError, NotSupportedError
from lamina.engines.elf import read_elf
from lamina.export.cargo import Loader
from lamina.export.installer_cargo import HOOK_NAME, TESTS_NAME
from lamina.export.installer_header import BLOCK, Header, dump_header
from lamina.export.installer_parts import PartsStream, part_size
from lamina.export.launcher import system_of
from lamina.export.pack import check_writable, fill
from lamina.export.writers import archiving
from lamina.model.digests import parse_sha256
from lamina.model.processors import features_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lamina.export.cargo import Cargo, Named
    from lamina.export.installer_cargo import Identity

_GLIBC = re.compile(r"GLIBC_2\.(\d+)(?:\.\d+)?")
_MAGIC = b"\x7fELF"
_MEMBER = 2048
"""What a member of a tar takes besides its content, with the filling and a long name, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """An installer that was written."""

    path: Path
    size: int
    header: Header


def write_installer(
    cargo: Cargo, identity: Identity, path: Path, *, environment_file: str = ""
) -> Installer:
    """Write an installer in one step; the same cargo gives the same bytes.

    Raises ConflictError where there is something, StorageError when there is no space,
    IntegrityError when a file is not as it was published.
    """
    if cargo.interpreter is None:
        raise NotSupportedError(f"{cargo.name}: an installer needs a Python in it")
    check_writable(cargo, path)
    march = identity.micro_architecture
    bound = cargo.size + _MEMBER * (len(cargo.entries) + 16)
    with fs.replacing(path, mode=0o755) as stream:
        stream.write(bytes(BLOCK))
        parts = PartsStream(stream, part_size(bound + bound // 1000))
        with archiving(cast("IO[bytes]", parts), "tar.gz", cargo.seconds) as writer:
            named = fill(cargo, Loader(cargo, writer))
        header = Header(
            kind=identity.kind,
            name=identity.name,
            version=identity.version,
            tested_version=identity.tested_version,
            platform=cargo.platform,
            system=system_of(cargo.platform),
            glibc=_glibc(cargo),
            micro_architecture=march,
            needed_features=" ".join(sorted(features_of(march))) if march else "",
            environment_file=environment_file,
            hook=HOOK_NAME if HOOK_NAME in cargo.entries else "",
            tests=TESTS_NAME if TESTS_NAME in cargo.entries else "",
            longest_prefix=_longest(cargo, named),
            disk_kilobytes=sum(-(-one.size // 4096) * 4 for one in cargo.entries.values()),
            files=len(cargo.entries),
            payload_size=parts.size,
            payload_digest=parse_sha256(parts.digest),
            part_size=part_size(bound + bound // 1000),
            parts=tuple(parse_sha256(one) for one in parts.parts),
        )
        stream.seek(0)
        stream.write(dump_header(header))
    return Installer(path=path, size=BLOCK + parts.size, header=header)


def _longest(cargo: Cargo, named: Sequence[Named]) -> int:
    """Return how long a prefix may be for every program, in bytes; 0 where none names it."""
    shortest = min(len(os.fsencode(one.prefix)) for one in cargo.parts)
    rooms = [max(one.room, shortest) for one in named if one.kind == "binary"]
    deepest = max(len(os.fsencode(f"/{one.inside}")) if one.inside else 0 for one in cargo.parts)
    return max(min(rooms) - deepest, 1) if rooms else 0


def _glibc(cargo: Cargo) -> str:
    """Return the newest version of glibc that a program or library asks for; empty for none."""
    newest = 0
    for path, entry in cargo.entries.items():
        if entry.kind != "file" or entry.size < len(_MAGIC):
            continue
        try:
            with cargo.sources[path].open("rb") as stream:
                if stream.read(len(_MAGIC)) != _MAGIC:
                    continue
                with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    elf = read_elf(content)
        except OSError as error:
            raise IntegrityError(f"{cargo.sources[path]}: {error.strerror}") from error
        found = [_GLIBC.fullmatch(one) for one in elf.wanted] if elf else []
        newest = max([newest, *(int(one[1]) for one in found if one)])
    return f"2.{newest}" if newest else ""
