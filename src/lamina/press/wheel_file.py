"""Wheel files: checked to their last byte, and laid out as installing would lay them out.

The format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import stat
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.tags import parse_tag
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    canonicalize_version,
    parse_wheel_filename,
)

from lamina.archive.damage import DAMAGE, MISSHAPEN
from lamina.archive.members import unsafe_name
from lamina.core import fs
from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from packaging.tags import Tag

_HASHES = frozenset({"sha256", "sha384", "sha512"})
"""What a RECORD may have; weaker ones are refused, as its specification asks."""
_SIGNATURES = ("RECORD", "RECORD.jws", "RECORD.p7s")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """A wheel whose name, tags, members and RECORD agree."""

    path: Path
    name: str
    """The normalised name of the distribution."""
    tags: tuple[str, ...]
    info: str
    """The name of its .dist-info directory."""
    requires_python: str
    """As its METADATA has it."""
    members: tuple[str, ...]
    """Its files."""
    newest: datetime
    """The time of the newest member, taken as UTC."""

    @property
    def data(self) -> str:
        """The name of its .data directory."""
        return f"{self.info.removesuffix('.dist-info')}.data"


def read_wheel(path: Path) -> WheelFile:
    """Return a wheel once all of it has been checked; raises IntegrityError that names it."""
    with _named(path):
        name, version, _, tags = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            members = list(_members(path, archive))
            info = _info_directory([one.filename for one in members])
            metadata = _headers(archive, f"{info}/METADATA")
            said = (metadata["Name"] or "no name", metadata["Version"] or "no version")
            same = canonicalize_version(said[1]) == canonicalize_version(version)
            if canonicalize_name(said[0]) != name or not same:
                raise ValueError(f"its METADATA is of {said[0]} {said[1]}")
            wheel = _headers(archive, f"{info}/WHEEL")
            listed = tuple(wheel.get_all("Tag", []))
            _check_tags(wheel["Wheel-Version"], listed, tags)
            _check_record(archive, info, [one.filename for one in members])
        return WheelFile(
            path=path,
            name=name,
            tags=listed,
            info=info,
            requires_python=metadata["Requires-Python"] or "",
            members=tuple(one.filename for one in members),
            newest=_newest(members),
        )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Make one error that names the wheel of all that damage can cause."""
    try:
        yield
    except FileNotFoundError:
        raise IntegrityError(f"{path}: no such file") from None
    except InvalidWheelFilename as error:
        raise IntegrityError(f"{path}: not the name of a wheel: {error}") from error
    except (*DAMAGE, *MISSHAPEN) as error:
        reason = str(error.args[0] if error.args else "") or type(error).__name__
        raise IntegrityError(f"{path}: not a whole wheel: {reason}") from error


def _members(path: Path, archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Yield the files of a wheel; raises IntegrityError for what may not be in one."""
    seen: set[str] = set()
    for one in archive.infolist():
        # Not one.filename, from which zipfile has cut what comes after a zero byte.
        name = one.orig_filename
        if reason := unsafe_name(name.rstrip("/") if one.is_dir() else name):
            raise IntegrityError(f"{path}: member {name!r} is {reason}")
        kind = stat.S_IFMT(one.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise IntegrityError(f"{path}: member {name!r} is a link or device")
        if one.is_dir():
            continue
        if name in seen:
            raise IntegrityError(f"{path}: member {name!r} is in the wheel twice")
        seen.add(name)
        yield one
    if below := next((name for name in sorted(seen) if _parents(name) & seen), ""):
        raise IntegrityError(f"{path}: member {below!r} is below a file")


def _newest(members: list[zipfile.ZipInfo]) -> datetime:
    """Return the newest time of some members; some tools write a month of zero."""
    found = [datetime(1980, 1, 1, tzinfo=UTC)]
    for one in members:
        with suppress(ValueError):
            found.append(datetime(*one.date_time, tzinfo=UTC))
    return max(found)


def _parents(name: str) -> set[str]:
    parts = name.split("/")
    return {"/".join(parts[:count]) for count in range(1, len(parts))}


def _info_directory(names: list[str]) -> str:
    found = {
        name.partition("/")[0] for name in names if name.partition("/")[0].endswith(".dist-info")
    }
    if len(found) != 1:
        raise ValueError(f"{len(found)} directories .dist-info")
    return found.pop()


def _headers(archive: zipfile.ZipFile, name: str) -> Message:
    return HeaderParser().parsestr(archive.read(name).decode("utf-8"))


def _check_tags(version: str | None, listed: tuple[str, ...], named: frozenset[Tag]) -> None:
    if (version or "").partition(".")[0] != "1":
        raise ValueError(f"Wheel-Version {version}, and only 1 is known")
    inside = {one for tag in listed for one in parse_tag(tag)}
    if inside != named:
        raise ValueError(
            f"its WHEEL is for {_shown(inside) or 'nothing'}, its name for {_shown(set(named))}"
        )


def _shown(tags: set[Tag]) -> str:
    return ", ".join(sorted(map(str, tags)))


def _check_record(archive: zipfile.ZipFile, info: str, members: list[str]) -> None:
    """Raise ValueError where RECORD and members differ in anything."""
    text = archive.read(f"{info}/RECORD").decode("utf-8")
    recorded = {row[0]: row[1] for row in csv.reader(io.StringIO(text, newline="")) if row}
    unlisted = {f"{info}/{name}" for name in _SIGNATURES}
    for name in members:
        if name in unlisted:
            continue
        if name not in recorded:
            raise ValueError(f"{name} is not in its RECORD")
        algorithm, _, wanted = recorded[name].partition("=")
        if algorithm not in _HASHES:
            raise ValueError(f"{name} has no hash in its RECORD that counts")
        digest = hashlib.new(algorithm, archive.read(name)).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != wanted.rstrip("="):
            raise ValueError(f"{name} is not what its RECORD says")
    missing = sorted(recorded.keys() - set(members) - unlisted)
    if missing:
        raise ValueError(f"{missing[0]} is in its RECORD and not in it")


def lay_out(wheel: WheelFile, environment: Path, series: str) -> Path:
    """Write the files of a wheel where installing would put them; return site-packages.

    Scripts get the first line that names the environment's Python. Raises IntegrityError for a
    part of .data that no installer knows, StorageError.
    """
    site = environment / "lib" / f"python{series}" / "site-packages"
    fs.make_directory(site)
    record = []
    with _named(wheel.path), zipfile.ZipFile(wheel.path) as archive:
        for name in wheel.members:
            target = _place(wheel, name, environment, site)
            data = archive.read(name)
            mode = 0o755 if archive.getinfo(name).external_attr >> 16 & 0o111 else 0o644
            if target.parent == environment / "bin":
                data, mode = _script(data, environment), 0o755
            if target.exists():
                raise ValueError(f"{name} would be {target.relative_to(environment)} twice")
            fs.make_directory(target.parent)
            fs.write_bytes(target, data, mode=mode, durable=False)
            record.append(_from(site, target))
    text = "".join(f"{_quoted(name)},,\n" for name in sorted(record))
    fs.write_text(site / wheel.info / "RECORD", text, durable=False)
    return site


def _place(wheel: WheelFile, name: str, environment: Path, site: Path) -> Path:
    if not name.startswith(f"{wheel.data}/"):
        return site / name
    _, _, below = name.partition("/")
    scheme, _, rest = below.partition("/")
    places = {
        "purelib": site,
        "platlib": site,
        "scripts": environment / "bin",
        "headers": environment / "include" / wheel.name,
        "data": environment,
    }
    if scheme not in places or not rest:
        raise ValueError(f"{name}: no installer knows where that goes")
    return places[scheme] / rest


def _script(data: bytes, environment: Path) -> bytes:
    head, separator, rest = data.partition(b"\n")
    if not head.startswith(b"#!python"):
        return data
    return f"#!{environment}/bin/python".encode() + separator + rest


def _from(site: Path, path: Path) -> str:
    import os

    return Path(os.path.relpath(path, site)).as_posix()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if {",", '"'} & set(name) else name
