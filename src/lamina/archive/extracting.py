"""Extracting a conda archive, once all of it has been checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.archive.reading import check_archive, damage_of, members_of
from lamina.core import fs

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.archive.reading import Contents


def extract_archive(path: Path, directory: Path, *, sha256: str = "") -> Contents:
    """Write the members of an archive, those of ``info/`` too, into a new directory.

    Files become 0644 or 0755; links are made as links, and lead nowhere out of it. Raises
    IntegrityError that names the archive for damage and for members that would leave, StorageError.
    """
    contents = check_archive(path, sha256=sha256)
    with damage_of(path):
        for name, member, stream in members_of(path, ("pkg", "info")):
            target = directory / name
            fs.make_directory(target if member.isdir() else target.parent)
            if member.issym():
                fs.symlink(target, member.linkname)
            elif member.islnk():
                fs.copy_file(directory / member.linkname.removeprefix("./"), target)
            elif stream is not None:
                mode = 0o755 if member.mode & 0o111 else 0o644
                fs.write_bytes(target, stream.read(), mode=mode, durable=False)
    return contents
