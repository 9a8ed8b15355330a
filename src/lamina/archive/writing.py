"""Writing ``.conda`` archives: the same files and the same package give the same bytes.

The format: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.archive.members import leads_out
from lamina.archive.package import PLACEHOLDER, PathEntry
from lamina.archive.zstd import LEVEL, compressing
from lamina.core import fs
from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from lamina.archive.package import FileMode, Package

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_SHEBANG = b"#!"


def write_conda(
    package: Package,
    files: Path,
    directory: Path,
    *,
    prefix: str = PLACEHOLDER,
    level: int = LEVEL,
) -> Path:
    """Write what is below ``files`` as a ``.conda`` into ``directory``; return the archive.

    ``prefix`` is what names the prefix inside the files: each that has it is recorded to have it
    replaced when installed. Modes become 0644 and 0755, owners root, times the package's.

    Raises IntegrityError for a link that leads out and for what is neither file nor link,
    StorageError.
    """
    entries = [_entry(files, name, prefix) for name in sorted(_below(files))]
    information = _info(package, entries)
    return write_archive(
        package.stem, files, information, directory, moment=package.moment, level=level
    )


def write_archive(
    stem: str,
    files: Path,
    information: Mapping[str, bytes],
    directory: Path,
    *,
    moment: datetime,
    level: int = LEVEL,
) -> Path:
    """Write a ``.conda`` whose files of info/ are there already; return the archive.

    The same input gives the same bytes. Raises StorageError.
    """
    seconds = int(moment.timestamp())
    with tempfile.TemporaryDirectory(prefix="lamina-conda-") as work:
        parts = [Path(work) / f"{part}-{stem}.tar.zst" for part in ("pkg", "info")]
        with _tarring(parts[0], level) as archive:
            for name in sorted(_below(files)):
                _add(archive, files / name, name, seconds)
        with _tarring(parts[1], level) as archive:
            for name, data in sorted(information.items()):
                _add_data(archive, f"info/{name}", data, seconds)
        zipped = _zipped(parts)
    target = directory / f"{stem}.conda"
    fs.make_directory(directory)
    fs.write_bytes(target, zipped)
    return target


def _below(top: Path) -> Iterator[str]:
    """Yield files and links by their paths, with slashes; empty directories do not count."""
    for directory, directories, files in os.walk(top):
        for name in (*files, *directories):
            path = Path(directory) / name
            if name in files or path.is_symlink():
                yield path.relative_to(top).as_posix()


def _entry(top: Path, name: str, prefix: str) -> PathEntry:
    path = top / name
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target = os.readlink(path)  # noqa: PTH115
        _check_link(name, target)
        real = path.resolve()
        data = real.read_bytes() if real.is_file() else b""
        digest = hashlib.sha256(data).hexdigest()
        return PathEntry(path=name, kind="softlink", sha256=digest, size=len(data))
    if not stat.S_ISREG(mode):
        raise IntegrityError(f"{path}: neither a file nor a link, and not to be packaged")
    data = path.read_bytes()
    found = prefix.encode() in data
    return PathEntry(
        path=name,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        placeholder=prefix if found else "",
        mode=_file_mode(data),
    )


def _check_link(name: str, target: str) -> None:
    if leads_out(name, target):
        raise IntegrityError(f"{name}: a link to {target}, which is outside of the package")


def _file_mode(data: bytes) -> FileMode:
    """Tell text from binary as conda does: by a zero byte, but a script with one is text."""
    return "binary" if b"\0" in data and not data.startswith(_SHEBANG) else "text"


def _info(package: Package, entries: Iterable[PathEntry]) -> dict[str, bytes]:
    """Return the files of info/ by name."""
    listed = list(entries)
    paths = {"paths": [one.as_json() for one in listed], "paths_version": 1}
    documents: dict[str, Any] = {
        "index.json": package.index(),
        "about.json": package.about(),
        "paths.json": paths,
        "link.json": package.link(),
        "run_exports.json": {kind: list(package.run_exports[kind]) for kind in package.run_exports},
    }
    files = {name: as_json(value).encode() for name, value in documents.items() if value}
    files["files"] = "".join(f"{one.path}\n" for one in listed).encode()
    return {**package.info_files, **files}


def as_json(value: Any) -> str:
    """Return a document of info/ as it is written."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@contextmanager
def _tarring(path: Path, level: int) -> Iterator[tarfile.TarFile]:
    """Write a tar inside a zstd stream."""
    with (
        path.open("xb") as file,
        compressing(file, level=level) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        yield archive


def _member(name: str, seconds: int, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mtime, member.mode = seconds, mode
    member.uname = member.gname = "root"
    return member


def _add(archive: tarfile.TarFile, path: Path, name: str, seconds: int) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        member = _member(name, seconds, 0o777)
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)  # noqa: PTH115
        archive.addfile(member)
        return
    member = _member(name, seconds, 0o755 if status.st_mode & 0o111 else 0o644)
    member.size = status.st_size
    with path.open("rb") as stream:
        archive.addfile(member, stream)


def _add_data(archive: tarfile.TarFile, name: str, data: bytes, seconds: int) -> None:
    member = _member(name, seconds, 0o644)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _zipped(parts: Iterable[Path]) -> bytes:
    """Return the outer zip: nothing compressed twice, info last so that it is found at the end."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _store(archive, "metadata.json", b'{"conda_pkg_format_version": 2}')
        for part in parts:
            _store(archive, part.name, part.read_bytes())
    return buffer.getvalue()


def _store(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, _ZIP_TIME)
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(member, data)
