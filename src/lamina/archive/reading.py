"""Reading conda archives (``.conda`` and ``.tar.bz2``) with every member and digest checked."""

from __future__ import annotations

import bz2
import hashlib
import json
import tarfile
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from lamina.archive.damage import DAMAGE, MISSHAPEN
from lamina.archive.headers import BoundedHeader
from lamina.archive.members import MemberRules, unsafe_name
from lamina.archive.package import PathEntry
from lamina.archive.zstd import decompressing
from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIXES = (".conda", ".tar.bz2")
_LARGEST_INFO = 1 << 28
"""Bytes: no info/ file of a real package comes near."""
_LONGEST_NUMBER = 63
LATEST_TIME = 253_402_300_799
"""The last second of the year 9999; a timestamp of more has milliseconds."""
_DOCUMENTS = frozenset(f"info/{name}.json" for name in ("index", "paths", "run_exports", "link"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an archive says of itself."""

    file: Path
    index: dict[str, Any]
    """info/index.json as it is."""
    paths: tuple[PathEntry, ...]
    run_exports: dict[str, Any]
    entry_points: tuple[str, ...]
    """Of a noarch package: ``name = module:function``, made into programs when installed."""
    sha256: str
    md5: str
    size: int

    @property
    def name(self) -> str:
        """The package's name."""
        return str(self.index["name"])


def stem_of(file_name: str) -> str:
    """Return NAME-VERSION-BUILD; raises ValueError for what is not named as an archive is."""
    for suffix in SUFFIXES:
        stem = file_name.removesuffix(suffix)
        if stem != file_name and stem.count("-") >= 2 and "/" not in stem:
            return stem
    raise ValueError(f"{file_name!r} is not NAME-VERSION-BUILD.conda or .tar.bz2")


def read_archive(path: Path, *, sha256: str = "", md5: str = "") -> Contents:
    """Return what an archive says of itself, once its digests are those given.

    Raises IntegrityError that names the archive for every kind of damage.
    """
    with damage_of(path):
        digests = _digests(path)
        for kind, wanted, found in (
            ("sha256", sha256, digests[0]),
            ("md5", md5, digests[1]),
        ):
            if wanted and wanted.lower() != found:
                raise IntegrityError(f"{path}: its {kind} is {found}, and should be {wanted}")
        return _contents(path, digests)


def check_archive(path: Path, *, sha256: str = "", md5: str = "") -> Contents:
    """Like ``read_archive``, and compare every file inside with its recorded digest."""
    contents = read_archive(path, sha256=sha256, md5=md5)
    with damage_of(path):
        recorded = {entry.path: entry for entry in contents.paths}
        for name, member, stream in members_of(path, ("pkg", "info")):
            if name.startswith("info/") or member.isdir():
                continue
            entry = recorded.pop(name, None)
            if entry is None:
                raise IntegrityError(f"{path}: {name} is not in its paths.json")
            if stream is not None and entry.kind == "hardlink":
                _compare(path, entry, stream)
        missing = sorted(name for name, entry in recorded.items() if entry.kind != "directory")
        if missing:
            raise IntegrityError(f"{path}: {missing[0]} is in its paths.json and not in it")
    return contents


def _compare(path: Path, entry: PathEntry, stream: IO[bytes]) -> None:
    digest = hashlib.file_digest(cast("Any", stream), "sha256").hexdigest()
    if entry.sha256 and digest != entry.sha256:
        raise IntegrityError(
            f"{path}: the sha256 of {entry.path} is {digest}, and should be {entry.sha256}"
        )


@contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """Make one error that names the archive of all that damage can cause."""
    try:
        yield
    except IntegrityError:
        raise
    except FileNotFoundError:
        raise IntegrityError(f"{path}: no such file") from None
    except (*DAMAGE, *MISSHAPEN) as error:
        reason = str(error) or type(error).__name__
        raise IntegrityError(f"{path}: not a whole conda archive: {reason}") from error


def _digests(path: Path) -> tuple[str, str, int]:
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            sha256.update(block)
            md5.update(block)
            size += len(block)
    return sha256.hexdigest(), md5.hexdigest(), size


def _contents(path: Path, digests: tuple[str, str, int]) -> Contents:
    stem = stem_of(path.name)
    files = {
        name: _limited(stream)
        for name, _, stream in members_of(path, ("info",))
        if stream is not None and name in _DOCUMENTS
    }
    index = _document(files["info/index.json"])
    paths = json.loads(files["info/paths.json"])
    run_exports = _document(files.get("info/run_exports.json", b"{}"))
    _check_index(index)
    entries = tuple(PathEntry.of_json(one) for one in paths["paths"])
    for entry in entries:
        if reason := unsafe_name(entry.path):
            raise IntegrityError(f"{path}: {entry.path!r} in its paths.json is {reason}")
    said = f"{index['name']}-{index['version']}-{index['build']}"
    if said != stem:
        raise ValueError(f"it says that it is {said}")
    return Contents(
        file=path,
        index=index,
        paths=entries,
        run_exports=run_exports,
        entry_points=_entry_points(json.loads(files.get("info/link.json", b"{}"))),
        sha256=digests[0],
        md5=digests[1],
        size=digests[2],
    )


def _document(data: bytes) -> dict[str, Any]:
    """Read what goes into repodata as it is: one package must not spoil them for all others."""
    found = json.loads(data, parse_int=_number)
    if not isinstance(found, dict):
        raise TypeError("a file of info/ is no object of JSON")
    # Raises for NaN and halves of characters, which Python reads and no other program does.
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    return found


def _number(text: str) -> int:
    value = int(text)
    if value.bit_length() > _LONGEST_NUMBER:
        raise ValueError(f"{text[:30]} in a file of info/ has more than 64 bits")
    return value


def _check_index(index: dict[str, Any]) -> None:
    kinds: dict[str, type] = {"name": str, "version": str, "build": str, "build_number": int}
    for key, kind in kinds.items():
        if not isinstance(index[key], kind):
            raise TypeError(f"{key} in info/index.json is {index[key]!r}")
    for key in ("depends", "constrains"):
        value = index.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise TypeError(f"{key} in info/index.json is {value!r}")
    timestamp = index.get("timestamp", 0)
    if not isinstance(timestamp, int | float) or not 0 <= timestamp <= LATEST_TIME * 1000:
        raise TypeError(f"timestamp in info/index.json is {timestamp!r}")


def _entry_points(link: Any) -> tuple[str, ...]:
    found = tuple((link.get("noarch") or {}).get("entry_points") or ())
    for one in found:
        name, _, _ = one.partition("=")
        if unsafe_name(name.strip()) or "/" in name:
            raise ValueError(f"{one!r} in info/link.json is no entry point")
    return found


def _limited(stream: IO[bytes]) -> bytes:
    data = stream.read(_LARGEST_INFO + 1)
    if len(data) > _LARGEST_INFO:
        raise ValueError("a file of info/ is larger than 256 MiB")
    return data


def members_of(
    path: Path, parts: tuple[str, ...]
) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes] | None]]:
    """Yield the members of some of the parts of an archive, in their order, each checked.

    The parts are ``info`` and ``pkg``; a ``.tar.bz2`` has one part. A stream is there for files
    only, and until the next member is asked for.
    """
    rules = MemberRules(str(path))
    with ExitStack() as stack:
        for stream in _streams(path, parts, stack):
            # Read to its end, so that the checksums of the compression count.
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=BoundedHeader) as archive:
                for member in archive:
                    name = rules.check(member)
                    yield name, member, archive.extractfile(member) if member.isreg() else None
            while stream.read(1 << 20):
                pass


def _streams(path: Path, parts: tuple[str, ...], stack: ExitStack) -> Iterator[IO[bytes]]:
    if path.name.endswith(".tar.bz2"):
        yield stack.enter_context(bz2.BZ2File(path))
        return
    stem = stem_of(path.name)
    archive = stack.enter_context(zipfile.ZipFile(path))
    known = {"metadata.json", f"pkg-{stem}.tar.zst", f"info-{stem}.tar.zst"}
    if foreign := sorted(set(archive.namelist()) - known):
        raise IntegrityError(f"{path}: {foreign[0]!r} is no part of a conda archive")
    version = json.loads(archive.read("metadata.json"))["conda_pkg_format_version"]
    if version != 2:
        raise ValueError(f"format {version} of conda archives, and only 2 is known")
    for part in parts:
        packed = stack.enter_context(archive.open(f"{part}-{stem}.tar.zst"))
        yield stack.enter_context(decompressing(packed))
