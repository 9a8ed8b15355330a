"""The digest of every file of a release, as a BSD mtree listing (mtree(5)).

``bsdtar`` and ``mtree`` read it too. Names are escaped as vis(3) does: a backslash and three octal
digits for each byte that is not plain text.
"""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lamina.archive.members import outward_path
from lamina.core.errors import DocumentError, IntegrityError, Problem, StorageError
from lamina.release.root import INTERNAL, MANIFEST_NAME, SIGNATURE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
    from pathlib import Path

MTREE_NAME = "files.mtree"
OUTSIDE = frozenset(f"{INTERNAL}/{name}" for name in (MANIFEST_NAME, SIGNATURE_NAME, MTREE_NAME))
"""What describes the release and so cannot be listed in it."""

_WORKERS = 8
_BLOCK = 1 << 22
_TOGETHER = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file, link or directory; its content is given for files and links."""

    kind: Literal["file", "link", "dir"]
    mode: int = 0
    size: int = 0
    sha256: str = ""
    target: str = ""


Identity = tuple[int, int, int, int]
"""Device, inode, time of modification in ns and size: what stays while nobody writes to a file."""


def identity_of(status: os.stat_result) -> Identity:
    """Return by what a file is known again that was read."""
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashed:
    """A file that was read, and what was in it."""

    sha256: str
    size: int
    mode: int
    identity: Identity
    hit: bool
    """It contains what was looked for."""


def hash_files(paths: Iterable[str], *, needle: bytes = b"") -> dict[str, Hashed | None]:
    """Read files, several at a time; return what was in each, None for what cannot be read."""
    wanted = list(paths)
    with ThreadPoolExecutor(_WORKERS) as pool:
        answers = pool.map(lambda path: _hashed(path, needle), wanted, chunksize=_TOGETHER)
        return dict(zip(wanted, answers, strict=True))


def _hashed(path: str, needle: bytes) -> Hashed | None:
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return None
        digest, hit = _read(path, needle)
    except OSError:
        return None
    mode, identity = stat.S_IMODE(status.st_mode), identity_of(status)
    return Hashed(sha256=digest, size=status.st_size, mode=mode, identity=identity, hit=hit)


def read_tree(
    top: Path,
    *,
    needle: bytes = b"",
    seen: MutableMapping[Identity, str] | None = None,
    advance: Callable[[int], object] | None = None,
) -> tuple[dict[str, Entry], list[str]]:
    """Return path -> entry of everything below ``top``, and the files that contain ``needle``.

    Paths are relative, with ``/``. Files that were ``seen`` are not read again, and those that are
    read are added to it, with their digests. ``advance`` is told how many more were looked at.
    Other things than files, links and directories raise StorageError, as no release can have them.
    """
    base = os.fspath(top)
    found = sorted(path for path in _paths(base) if path not in OUTSIDE)
    known = {} if seen is None else seen
    entries: dict[str, Entry] = {}
    leaks: list[str] = []
    with ThreadPoolExecutor(_WORKERS) as pool:
        answers = pool.map(
            lambda path: _entry(base, path, needle, known), found, chunksize=_TOGETHER
        )
        for path, (entry, hit) in zip(found, answers, strict=True):
            entries[path] = entry
            if hit:
                leaks.append(path)
            if advance is not None and len(entries) % _TOGETHER == 0:
                advance(_TOGETHER)
    return entries, leaks


def _paths(base: str) -> Iterator[str]:
    skip = len(base) + 1
    for directory, directories, files in os.walk(base):
        for name in (*directories, *files):
            yield f"{directory}/{name}"[skip:]


def _entry(
    base: str, path: str, needle: bytes, seen: MutableMapping[Identity, str]
) -> tuple[Entry, bool]:
    whole = f"{base}/{path}"
    status = os.lstat(whole)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return Entry(kind="dir", mode=mode), False
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(whole)  # noqa: PTH115
        return Entry(kind="link", target=target), bool(needle) and needle in os.fsencode(target)
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(f"{whole}: neither a file nor a link nor a directory")
    identity = identity_of(status)
    digest, hit = seen.get(identity), False
    if digest is None:
        digest, hit = _read(whole, needle)
        seen[identity] = digest
    return Entry(kind="file", mode=mode, size=status.st_size, sha256=digest), hit


def _read(path: str, needle: bytes) -> tuple[str, bool]:
    """Return a file's digest and whether it contains ``needle``, in one pass."""
    digest = hashlib.sha256()
    hit = False
    tail = b""
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 (60,000 files)
        while block := stream.read(_BLOCK):
            digest.update(block)
            if needle and not hit:
                hit = needle in (tail + block if tail else block)
                tail = block[-len(needle) :]
    return digest.hexdigest(), hit


def dump_mtree(entries: Mapping[str, Entry]) -> str:
    """Return the listing, by path."""
    lines = ["#mtree"]
    for path, entry in sorted(entries.items()):
        name = f"./{_escape(path)}"
        match entry.kind:
            case "dir":
                lines.append(f"{name} type=dir mode={entry.mode:04o}")
            case "link":
                lines.append(f"{name} type=link link={_escape(entry.target)}")
            case "file":
                lines.append(
                    f"{name} type=file mode={entry.mode:04o} size={entry.size}"
                    f" sha256digest={entry.sha256}"
                )
    return "\n".join(lines) + "\n"


def read_listing(path: Path) -> bytes:
    """Return a listing as it was written; raises DocumentError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        problem = Problem(where="", found=f"cannot be read: {error.strerror}")
        raise DocumentError(path, [problem]) from error


def parse_listing(data: bytes, path: Path | str) -> dict[str, Entry]:
    """Read a listing's bytes; raises as ``parse_mtree`` does."""
    return parse_mtree(data.decode("ascii", "replace"), path)


def parse_mtree(text: str, path: Path | str) -> dict[str, Entry]:
    """Read a listing that ``dump_mtree`` wrote.

    Raises DocumentError naming the first bad line, IntegrityError for a path that leads out of the
    tree, or could: nothing is looked at, written or removed there.
    """
    entries: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            name, *words = line.split(" ")
            entries[_unescape(name).removeprefix("./")] = _parse_entry(words)
        except (KeyError, ValueError):
            problem = Problem(where=f"line {number}", found="not an entry of a file listing")
            raise DocumentError(path, [problem]) from None
    _check_places(entries, path)
    return entries


def _check_places(entries: Mapping[str, Entry], listing: Path | str) -> None:
    """Raise IntegrityError unless every path is in directories of the tree, by its shortest name.

    What is listed below a link would be wherever that leads.
    """
    for path in entries:
        wrong = outward_path(path)
        above = path.rpartition("/")[0]
        if not wrong and above and (above not in entries or entries[above].kind != "dir"):
            wrong = "in no directory"
        if wrong:
            raise IntegrityError(f"{listing}: {path!r} in it is {wrong}")


def really_inside(top: Path, paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths that no link leads out of a tree: what is listed as a directory may be one.

    ``paths``: of a listing.
    """
    links = {"": False}

    def is_led_away(directory: str) -> bool:
        if directory not in links:
            above = directory.rpartition("/")[0]
            links[directory] = is_led_away(above) or (top / directory).is_symlink()
        return links[directory]

    return (path for path in paths if not is_led_away(path.rpartition("/")[0]))


def _parse_entry(words: Iterable[str]) -> Entry:
    values = dict(word.split("=", 1) for word in words)
    match values["type"]:
        case "dir":
            return Entry(kind="dir", mode=int(values["mode"], 8))
        case "link":
            return Entry(kind="link", target=_unescape(values["link"]))
        case "file":
            return Entry(
                kind="file",
                mode=int(values["mode"], 8),
                size=int(values["size"]),
                sha256=values["sha256digest"],
            )
        case _:
            raise ValueError(values["type"])


_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b"\\#")
_ESCAPES = {byte: chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in range(256)}


def _escape(text: str) -> str:
    return "".join(_ESCAPES[byte] for byte in os.fsencode(text))


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    first, *rest = text.split("\\")
    data = bytearray(first.encode())
    for part in rest:
        data.append(int(part[:3], 8))
        data += part[3:].encode()
    return os.fsdecode(bytes(data))
