"""Packing a ``.conda`` that another program wrote once more, without what differs each time.

Gone are the place it was built in, the time, byte code and the modes that only its builder can
read; what it is and needs stays.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lamina.archive.extracting import extract_archive
from lamina.archive.package import PLACEHOLDER
from lamina.archive.reading import stem_of
from lamina.archive.writing import as_json, write_archive
from lamina.core import fs
from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lamina.archive.package import PathEntry
    from lamina.archive.reading import Contents

_OF_THE_MACHINE = frozenset({"direct_url.json", "uv_cache.json"})
"""Of .dist-info: where the sources were when the package was built."""
_OF_THE_BUILD = "recipe/"
"""Of info/: the recipe with the directories and time of this build."""
_REWRITTEN = frozenset({"files", "index.json", "about.json", "paths.json"})


def repack(archive: Path, directory: Path, *, moment: datetime, extra: Mapping[str, Any]) -> Path:
    """Write the content of an archive into ``directory`` as ``write_conda`` would; return it.

    ``extra`` goes into ``extra`` of info/about.json. Raises IntegrityError for a damaged archive.
    """
    with tempfile.TemporaryDirectory(prefix="lamina-repack-") as work:
        top = Path(work).resolve() / "content"
        contents, information = _unpack(archive, top)
        entries = {one.path: one for one in contents.paths if _is_kept(one, contents.paths)}
        for name in {one.path for one in contents.paths} - set(entries):
            (top / name).unlink(missing_ok=True)
        for name, entry in entries.items():
            entries[name] = _with_our_placeholder(top / name, entry, archive)
        for name in [name for name in entries if name.endswith(".dist-info/RECORD")]:
            _mend_record(top, name, entries)
            entries[name] = _digested(top / name, entries[name])
        kept = {
            name: data
            for name, data in information.items()
            if name not in _REWRITTEN and not name.startswith(_OF_THE_BUILD)
        }
        kept |= _documents(information, entries, moment=moment, extra=extra)
        return write_archive(stem_of(archive.name), top, kept, directory, moment=moment)


def _unpack(archive: Path, top: Path) -> tuple[Contents, dict[str, bytes]]:
    """Put the files of an archive below ``top``; return those of info/ beside what it says."""
    contents = extract_archive(archive, top)
    info = top / "info"
    found = {
        one.relative_to(info).as_posix(): one.read_bytes()
        for one in sorted(info.rglob("*"))
        if one.is_file()
    }
    fs.remove_tree(info)
    return contents, found


def _is_kept(entry: PathEntry, entries: tuple[PathEntry, ...]) -> bool:
    path = PurePosixPath(entry.path)
    if entry.kind == "directory":
        return False
    if path.parent.suffix == ".dist-info" and path.name in _OF_THE_MACHINE:
        return False
    if path.suffix != ".pyc" or path.parent.name != "__pycache__":
        return True
    # Byte code is made when a release is published; here it has the time of its source inside.
    source = str(path.parent.parent / f"{path.name.partition('.')[0]}.py")
    return all(one.path != source for one in entries)


def _with_our_placeholder(path: Path, entry: PathEntry, archive: Path) -> PathEntry:
    """Put our placeholder in place of the directory that a file was built in."""
    if not entry.placeholder or entry.placeholder == PLACEHOLDER:
        return entry
    if entry.mode == "binary" and len(entry.placeholder) != len(PLACEHOLDER):
        raise IntegrityError(
            f"{archive.name}: {entry.path} was built for a prefix of {len(entry.placeholder)} "
            f"characters, and not of {len(PLACEHOLDER)}"
        )
    data = path.read_bytes().replace(entry.placeholder.encode(), PLACEHOLDER.encode())
    mode = path.stat().st_mode & 0o777
    fs.write_bytes(path, data, mode=mode, durable=False)
    return _digested(path, replace(entry, placeholder=PLACEHOLDER))


def _digested(path: Path, entry: PathEntry) -> PathEntry:
    data = path.read_bytes()
    return replace(entry, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _mend_record(top: Path, name: str, entries: Mapping[str, PathEntry]) -> None:
    """Make a RECORD true again: of files that are gone, and of those that name the prefix."""
    info = PurePosixPath(name).parent
    site = info.parent
    path = top / name
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.reader(stream) if row]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    for row in sorted(rows):
        place = os.path.normpath(f"{site}/{row[0]}")
        entry = entries.get(place)
        inside = not place.startswith("..")
        if entry is None and inside and _is_gone(place):
            continue
        if row[0] == f"{info.name}/RECORD" or (entry is not None and entry.placeholder):
            row[1:] = ["", ""]
        elif entry is not None and entry.kind == "hardlink":
            digest = base64.urlsafe_b64encode(bytes.fromhex(entry.sha256)).rstrip(b"=").decode()
            row[1:] = [f"sha256={digest}", str(entry.size)]
        writer.writerow(row)
    fs.write_text(path, buffer.getvalue(), durable=False)


def _is_gone(place: str) -> bool:
    path = PurePosixPath(place)
    return path.suffix == ".pyc" or path.name in _OF_THE_MACHINE


def _documents(
    information: Mapping[str, bytes],
    entries: Mapping[str, PathEntry],
    *,
    moment: datetime,
    extra: Mapping[str, Any],
) -> dict[str, bytes]:
    """Return the files of info/ that are written anew."""
    index = json.loads(information["index.json"]) | {"timestamp": int(moment.timestamp() * 1000)}
    about = json.loads(information.get("about.json", b"{}"))
    about.pop("channels", None)  # directories of this machine
    about["extra"] = {**(about.get("extra") or {}), **extra}
    listed = [entries[name].as_json() for name in sorted(entries)]
    documents = {
        "index.json": index,
        "about.json": about,
        "paths.json": {"paths": listed, "paths_version": 1},
    }
    written = {name: as_json(value).encode() for name, value in documents.items()}
    return written | {"files": "".join(f"{name}\n" for name in sorted(entries)).encode()}
