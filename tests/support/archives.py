"""Conda archives for tests, whole and broken."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lamina.archive.package import Package
from lamina.archive.writing import write_conda
from lamina.archive.zstd import compressing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_package(name: str = "one", version: str = "1.0", **about: Any) -> Package:
    """Return a package of Linux, or what ``about`` says."""
    fields: dict[str, Any] = {"build": "h0_0", "subdir": "linux-64", "moment": MOMENT} | about
    return Package(name=name, version=version, **fields)


def write_package(
    directory: Path, work: Path, name: str = "one", version: str = "1.0", **about: Any
) -> Path:
    """Write an archive of one file, or of ``files``: path -> text."""
    files: Mapping[str, str] = about.pop("files", {f"share/{name}.txt": f"{name} {version}\n"})
    package = a_package(name, version, **about)
    top = work / package.stem
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text, encoding="utf-8")
    top.mkdir(parents=True, exist_ok=True)
    return write_conda(package, top, directory)


def a_file(name: str, data: bytes = b"text\n") -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of a tar."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member, data


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Return a member that is no file."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def tarred(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a compressed tar of members, whatever they are."""
    buffer = io.BytesIO()
    with compressing(buffer) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def forge(
    directory: Path,
    members: Iterable[tuple[tarfile.TarInfo, bytes]],
    *,
    recorded: Mapping[str, bytes] | None = None,
    index: Mapping[str, Any] | None = None,
    further: Mapping[str, bytes] | None = None,
    cut: int = 0,
) -> Path:
    """Write ``bad-1-0.conda`` by hand: any members, any paths.json, any index.json.

    ``cut``: so many bytes are missing at the end of the compressed files.
    """
    listed = list(members)
    known = recorded if recorded is not None else {m.name: d for m, d in listed if m.isreg()}
    paths = [
        {
            "_path": name,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        for name, data in known.items()
    ]
    about = {"name": "bad", "version": "1", "build": "0", "build_number": 0, "depends": []}
    info = {
        "info/index.json": json.dumps(about | {"subdir": "linux-64"} | dict(index or {})),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
    }
    path = directory / "bad-1-0.conda"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        packed = tarred(listed)
        archive.writestr("pkg-bad-1-0.tar.zst", packed[: len(packed) - cut])
        files = [a_file(name, text.encode()) for name, text in info.items()]
        archive.writestr("info-bad-1-0.tar.zst", tarred(files))
        for name, data in (further or {}).items():
            archive.writestr(name, data)
    return path
