"""A channel in a directory: its subdirectories, its archives, and the records made of them."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.archive.package import SUBDIR
from lamina.archive.reading import LATEST_TIME, SUFFIXES, check_archive, stem_of
from lamina.core import fs
from lamina.core.errors import ConflictError, IntegrityError, LaminaError, UsageError
from lamina.core.hold import hold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from lamina.archive.reading import Contents

NOARCH = "noarch"
_CACHE = ".lamina-index.json"
_CACHE_SCHEMA = 1
_LOCK = ".lamina-lock"
_PLATFORM = re.compile(r"noarch|(?:linux|osx|win|freebsd|emscripten|wasi|zos)-[a-z0-9_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """One archive as it goes into the repodata."""

    file_name: str
    record: dict[str, Any]
    """info/index.json with sha256, md5 and size."""
    run_exports: dict[str, Any]


def subdirs(channel: Path) -> list[str]:
    """Return the subdirectories that a channel has; ``noarch`` is one always, as CEP 26 asks."""
    if not channel.is_dir():
        raise UsageError(
            f"{channel}: no such directory", hints=[f"lamina channel bootstrap {channel}"]
        )
    found = {one.name for one in channel.iterdir() if one.is_dir() and is_subdir(one.name)}
    return sorted(found | {NOARCH})


def is_subdir(name: str) -> bool:
    """Tell whether a directory of this name holds packages of a channel."""
    return _PLATFORM.fullmatch(name) is not None


def archives(channel: Path, subdir: str) -> list[Path]:
    """Return the archives of a subdirectory, by name."""
    directory = channel / subdir
    if not directory.is_dir():
        return []
    return sorted(
        one
        for one in directory.iterdir()
        if one.name.endswith(SUFFIXES) and not one.name.startswith(".") and one.is_file()
    )


def subdir_of(contents: Contents) -> str:
    """Return where an archive belongs; raises IntegrityError where it does not say."""
    index = contents.index
    subdir = index.get("subdir") or (NOARCH if index.get("noarch") else "")
    if not isinstance(subdir, str) or not SUBDIR.fullmatch(subdir) or not is_subdir(subdir):
        raise IntegrityError(f"{contents.file}: its subdirectory is {subdir!r}")
    return subdir


def record_of(contents: Contents) -> dict[str, Any]:
    """Return the record of an archive, before any patch."""
    digests = {"md5": contents.md5, "sha256": contents.sha256, "size": contents.size}
    record = dict(contents.index) | {"subdir": subdir_of(contents)} | digests
    record.setdefault("depends", [])
    if "timestamp" in record:
        record["timestamp"] = milliseconds(record["timestamp"])
    # A mirror of today would make all packages new: the time is that of the build.
    record.pop("indexed_timestamp", None)
    return record


def milliseconds(timestamp: float) -> int:
    """Return a time of a record in milliseconds; the oldest packages have seconds."""
    return int(timestamp if timestamp > LATEST_TIME else timestamp * 1000)


def read_records(channel: Path, subdir: str, *, leaving: Collection[Path] = ()) -> list[Indexed]:
    """Return the records of a subdirectory; archives that are as they were are not read again.

    Those in ``leaving`` are not looked at, whatever they are.
    Raises IntegrityError that names every archive that is damaged.
    """
    cache = _load_cache(channel / subdir / _CACHE)
    found: list[Indexed] = []
    problems: list[str] = []
    remembered: dict[str, Any] = {}
    files = [file for file in archives(channel, subdir) if file not in leaving]
    with ThreadPoolExecutor() as pool:
        answers = pool.map(lambda file: _indexed(file, subdir, cache), files)
        for file, answer in zip(files, answers, strict=True):
            if isinstance(answer, str):
                problems.append(answer)
                continue
            found.append(answer)
            entry = {"record": answer.record, "run_exports": answer.run_exports}
            remembered[file.name] = entry | {"stat": _stat(file)}
    if problems:
        raise IntegrityError(
            "\n".join(problems),
            hints=[f"lamina channel remove {channel} {subdir}/NAME", "then add it anew"],
        )
    if remembered != cache:
        document = {"schema": _CACHE_SCHEMA, "files": remembered}
        text = json.dumps(document, sort_keys=True)
        fs.make_directory(channel / subdir)
        fs.write_text(channel / subdir / _CACHE, text, durable=False)
    return found


def _indexed(file: Path, subdir: str, cache: Mapping[str, Any]) -> Indexed | str:
    known = cache.get(file.name)
    if known is not None and known.get("stat") == _stat(file):
        return Indexed(
            file_name=file.name, record=known["record"], run_exports=known["run_exports"]
        )
    try:
        contents = check_archive(file)
        record = record_of(contents)
    except LaminaError as error:
        return error.message
    if record["subdir"] != subdir:
        return f"{file}: it belongs into {record['subdir']}"
    return Indexed(file_name=file.name, record=record, run_exports=contents.run_exports)


def _stat(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _load_cache(path: Path) -> dict[str, Any]:
    """Return what was read of archives before; nothing where that cannot be told."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        files = document["files"] if document["schema"] == _CACHE_SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return files if isinstance(files, dict) else {}


def find_archive(channel: Path, reference: str) -> Path:
    """Return the archive that ``SUBDIR/FILE`` or ``FILE`` names; raises UsageError."""
    subdir, _, name = reference.rpartition("/")
    try:
        stem_of(name)
    except ValueError as error:
        raise UsageError(str(error)) from error
    places = [subdir] if subdir else subdirs(channel)
    found = [channel / one / name for one in places if is_subdir(one)]
    there = [path for path in found if path.is_file()]
    if len(there) != 1:
        what = "no such package" if not there else "in more than one subdirectory"
        raise UsageError(f"{reference}: {what} in {channel}", hints=[f"ls {channel}/*/"])
    return there[0]


@contextmanager
def changing(channel: Path) -> Iterator[None]:
    """Keep others from changing a channel; raises ConflictError when somebody is at it."""
    with hold(channel / _LOCK, "lamina channel") as holder:
        if holder is not None:
            raise ConflictError(f"{channel}: is being changed on {holder.host or 'this machine'}")
        yield
