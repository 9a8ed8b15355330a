"""Give an installer that was tested another version, such as the final one: its payload stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import StorageError, UsageError
from lamina.export.installer import Installer
from lamina.export.installer_header import BLOCK, dump_header, parse_header
from lamina.export.installer_parts import checked_payload
from lamina.export.pack import check_free
from lamina.release.space import require_space

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.export.installer_header import Header
    from lamina.model.versions import ReleaseVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Which installer becomes which."""

    source: Path
    version: ReleaseVersion
    target: Path


def read_header(path: Path) -> Header:
    """Return what an installer says of itself; raises UsageError, IntegrityError, StorageError."""
    try:
        with path.open("rb") as stream:
            return parse_header(stream.read(BLOCK), path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def promote_installer(promotion: Promotion) -> Installer:
    """Write an installer of the same payload that installs it under another version.

    What it was tested under stays in it. Raises ConflictError where there is something,
    IntegrityError for one that is not whole.
    """
    source, target = promotion.source, promotion.target
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target}: this is the installer to be promoted", hints=["-o ANOTHER.sh"])
    check_free(target)
    header = read_header(source)
    header = header.model_copy(update={"version": promotion.version})
    require_space(target.absolute().parent, header.payload_size, what=target.name)
    copying = report.step(f"copying the payload of {source.name}")
    with copying, source.open("rb") as old, fs.replacing(target, mode=0o755) as stream:
        stream.write(dump_header(header))
        for block in checked_payload(old, header, source):
            stream.write(block)
    return Installer(path=target, size=BLOCK + header.payload_size, header=header)
