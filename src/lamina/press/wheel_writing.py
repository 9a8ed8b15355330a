"""Writing wheels: the same tree and the same moment give the same bytes."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import stat
import zipfile
from typing import TYPE_CHECKING

from lamina.core import fs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

_EARLIEST, _LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""Zip archives know no other times."""


def write_wheel(
    tree: Path, files: Iterable[str], info: str, target: Path, *, moment: datetime
) -> None:
    """Write some files of a tree as a wheel, with a RECORD of them in ``info``.

    The metadata comes last, RECORD at the end, as the specification recommends. Modes become 0644
    and 0755. Raises StorageError.
    """
    names = sorted(files, key=lambda name: (name.startswith(f"{info}/"), name))
    when = min(max(moment.timetuple()[:6], _EARLIEST), _LATEST)
    rows = io.StringIO(newline="")
    writer = csv.writer(rows, lineterminator="\n")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in names:
            path = tree / name
            data = path.read_bytes()
            _store(archive, name, data, when, 0o755 if path.stat().st_mode & 0o111 else 0o644)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            writer.writerow((name, f"sha256={digest.decode()}", len(data)))
        writer.writerow((f"{info}/RECORD", "", ""))
        _store(archive, f"{info}/RECORD", rows.getvalue().encode(), when, 0o644)
    fs.write_bytes(target, buffer.getvalue())


def _store(
    archive: zipfile.ZipFile, name: str, data: bytes, when: tuple[int, ...], mode: int
) -> None:
    member = zipfile.ZipInfo(name, (when[0], when[1], when[2], when[3], when[4], when[5]))
    member.create_system = 3  # Unix, whatever writes it: the modes count
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = (stat.S_IFREG | mode) << 16
    archive.writestr(member, data)
