"""What is shipped: trees that were published, put together, and how they are read.

Every form in which files leave (packs, installers, images) reads its files here, each once: what is
written is hashed on the way and compared with the listing, and what names a prefix is found.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from lamina._target.reprefix import digest_of, head_of, pattern_of
from lamina.core import report
from lamina.core.errors import IntegrityError, StorageError
from lamina.release.mtree import MTREE_NAME
from lamina.release.root import INTERNAL, MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from lamina.export.writers import ArchiveWriter
    from lamina.model.platforms import Platform
    from lamina.release.mtree import Entry

DIRECTORY_MODE = 0o755
"""Of directories in what is shipped: not every reader can fill one that is read-only."""
_BLOCK = 1 << 20
_OVERLAP = 4096
"""Bytes; longer paths are not to be had (PATH_MAX)."""
_CODE = "/__pycache__/"
_WRITTEN_ANEW = tuple(f"/{INTERNAL}/{name}" for name in (MANIFEST_NAME, MTREE_NAME))
"""By what is there then; a listing names a prefix where a link does."""

Kind = Literal["text", "binary", "code", "link"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A prefix that what is shipped names, and the tree that is in it."""

    prefix: str
    """Where it is, and what files name."""
    inside: str | None
    """Where it comes to be, relative to the whole; None: it stays outside."""
    name: str = ""
    """What it is called."""
    lock_digest: str = ""
    """Of a release: what it is known again by."""


@dataclass(frozen=True, slots=True)
class Sources(Mapping[str, "Path"]):
    """Where files are read, each place made when it is asked for.

    All of them at once would be a tenth of the memory that an export may take.
    """

    paths: Collection[str]
    where: Callable[[str], Path]
    others: Mapping[str, Path] = field(default_factory=dict)
    """Those that are somewhere else."""

    def __getitem__(self, path: str) -> Path:
        if path in self.others:
            return self.others[path]
        if path not in self.paths:
            raise KeyError(path)
        return self.where(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cargo:
    """Files to ship, by the path that they get."""

    name: str
    platform: Platform
    seconds: int
    """The time of every member, since 1970."""
    parts: tuple[Part, ...]
    """The first is the whole."""
    entries: Mapping[str, Entry]
    """What there is; a file without a digest is taken as it is."""
    sources: Mapping[str, Path]
    """Where each is read."""
    interpreter: str | None
    """The Python in it, None where it stays outside."""
    rooms: Mapping[str, int] = field(default_factory=dict)
    """Of programs that were made for it: bytes that there are for a prefix."""
    first: tuple[str, ...] = ()
    """What readers want to see before all else."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.entries.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A file or link that names a prefix."""

    path: str
    kind: Kind
    room: int
    sha256: str
    head: bytes = b""
    """How a script starts, where another prefix and this one again would make another of it."""

    def value(self) -> dict[str, str | int]:
        """Return it as prefixes.json has it."""
        said: dict[str, str | int] = {"head": self.head.decode("latin-1")} if self.head else {}
        return said | {
            "path": self.path,
            "kind": self.kind,
            "room": self.room,
            "sha256": self.sha256,
        }


@dataclass(slots=True)
class _Reader:
    """Reads one file in blocks; knows afterwards what was in it."""

    path: Path
    size: int
    needles: tuple[bytes, ...]
    digest: str = ""
    hit: bool = False
    zero: bool = False
    head: bytes = b""

    def blocks(self) -> Iterator[bytes]:
        """Yield the content; raises IntegrityError where it is not as long as it was."""
        digest, tail, left = sha256(), b"", self.size
        with open(self.path, "rb", buffering=0) as stream:  # noqa: PTH123 (60,000 files)
            while block := stream.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    break
                digest.update(block)
                self._look(tail + block if tail else block)
                tail = block[-_OVERLAP:]
                self.head = self.head or block[:_OVERLAP]
                yield block
        if left:
            raise IntegrityError(f"{self.path}: changed while it was read")
        self.digest = digest.hexdigest()

    def _look(self, data: bytes) -> None:
        self.zero = self.zero or b"\0" in data
        if not self.hit and any(one in data for one in self.needles):
            self.hit = pattern_of(self.needles).search(data) is not None

    @property
    def kind(self) -> Kind:
        """Tell text from programs as conda does: by a zero byte, but a script with one is text."""
        return "binary" if self.zero and not self.head.startswith(b"#!") else "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is in the files of a cargo, known before any of them is written."""

    named: frozenset[str]
    """Those that name a prefix."""
    programs: tuple[str, ...]
    """Programs and libraries (ELF)."""


def survey(cargo: Cargo) -> Survey:
    """Read every file that is no byte code; raises IntegrityError, StorageError."""
    needles = tuple(os.fsencode(one.prefix) for one in cargo.parts)
    named, programs = set(), []
    files = [path for path, one in sorted(cargo.entries.items()) if one.kind == "file"]
    _check_directories(cargo)
    with report.step(f"reading {cargo.name}", total=len(files)) as step:
        for path in files:
            step.advance()
            if path.endswith(".pyc"):
                continue
            source = cargo.sources[path]
            try:
                reader = _Reader(path=source, size=source.stat().st_size, needles=needles)
            except OSError as error:
                raise IntegrityError(f"{source}: {error.strerror}, and was published") from error
            for _ in _translated(reader):
                pass
            if reader.hit:
                named.add(path)
            if reader.head.startswith(b"\x7fELF"):
                programs.append(path)
    return Survey(named=frozenset(named), programs=tuple(programs))


def _check_directories(cargo: Cargo) -> None:
    """Raise IntegrityError unless they are directories: what is below a link is somebody else's."""
    for path, entry in cargo.entries.items():
        if entry.kind == "dir":
            source = cargo.sources[path]
            try:
                _check(path, entry, os.lstat(source))
            except OSError as error:
                raise IntegrityError(f"{source}: {error.strerror}, and was published") from error


class Loader:
    """Writes a cargo into an archive, and what goes with it."""

    def __init__(
        self,
        cargo: Cargo,
        writer: ArchiveWriter,
        there: Iterable[str] = (),
        *,
        listed_modes: bool = False,
    ) -> None:
        """``there``: directories that need no member; ``listed_modes``: they keep their modes."""
        self.cargo, self.writer = cargo, writer
        self._listed = cargo.entries if listed_modes else {}
        self._directories = set(there)

    def add(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Add a file that is no part of the cargo."""
        self._open(path.rpartition("/")[0])
        self.writer.file(path, mode, len(data), iter([data]))

    def load(self) -> list[Named]:
        """Write everything, and return what names a prefix.

        Raises IntegrityError for the first file that is not as listed, StorageError.
        """
        cargo = self.cargo
        needles = tuple(os.fsencode(one.prefix) for one in cargo.parts)
        named: list[Named] = []
        order = [*cargo.first, *(one for one in sorted(cargo.entries) if one not in cargo.first)]
        with report.step(f"packing {cargo.name}", total=len(order)) as step:
            for count, path in enumerate(order, start=1):
                is_directory = cargo.entries[path].kind == "dir"
                self._open(path if is_directory else path.rpartition("/")[0])
                if one := _add(cargo, path, self.writer, needles):
                    named.append(one)
                if count % 64 == 0:
                    step.advance(64)
            step.outcome = f"{len(order)} files, links and directories, {cargo.size / 1e6:.1f} MB"
        return sorted(named, key=lambda one: one.path)

    def _open(self, path: str) -> None:
        """Add a directory and those that it is in, where they have not been yet."""
        if path and path not in self._directories:
            self._open(path.rpartition("/")[0])
            self._directories.add(path)
            listed = self._listed.get(path)
            self.writer.directory(path, listed.mode if listed else DIRECTORY_MODE)


def _add(
    cargo: Cargo, path: str, writer: ArchiveWriter, needles: tuple[bytes, ...]
) -> Named | None:
    entry, source = cargo.entries[path], cargo.sources[path]
    try:
        status = os.lstat(source)
        _check(path, entry, status)
        if entry.kind == "dir":
            return None
        if entry.kind == "link":
            return _add_link(cargo, path, writer, needles)
    except FileNotFoundError:
        raise IntegrityError(f"{source}: missing, and was published") from None
    except OSError as error:
        raise StorageError(f"{source}: {error.strerror}") from error
    reader = _Reader(path=source, size=status.st_size, needles=needles)
    blocks = _translated(reader)
    writer.file(path, stat.S_IMODE(status.st_mode), status.st_size, blocks)
    if entry.sha256 and reader.digest != entry.sha256:
        raise IntegrityError(f"{source}: not as it was published: its content")
    return _named(cargo, path, reader) if reader.hit else None


def _check(path: str, entry: Entry, status: os.stat_result) -> None:
    kinds = {"dir": stat.S_ISDIR, "link": stat.S_ISLNK, "file": stat.S_ISREG}
    wrong = "" if kinds[entry.kind](status.st_mode) else "its kind"
    if not wrong and entry.kind == "file" and entry.sha256:
        mode = stat.S_IMODE(status.st_mode)
        wrong = "its size" if status.st_size != entry.size else ""
        wrong = wrong or ("its mode" if mode != entry.mode else "")
    if wrong:
        raise IntegrityError(f"{path}: not as it was published: {wrong}")


def _translated(reader: _Reader) -> Iterator[bytes]:
    """Yield a file's blocks; errors of reading are not taken for those of writing."""
    blocks = reader.blocks()
    while True:
        try:
            block = next(blocks, None)
        except OSError as error:
            raise StorageError(f"{reader.path}: {error.strerror}") from error
        if block is None:
            return
        yield block


def _add_link(
    cargo: Cargo, path: str, writer: ArchiveWriter, needles: tuple[bytes, ...]
) -> Named | None:
    target = os.readlink(cargo.sources[path])  # noqa: PTH115
    expected = cargo.entries[path].target
    if expected and target != expected:
        raise IntegrityError(f"{path}: not as it was published: its target")
    writer.link(path, target)
    data = os.fsencode(target)
    if pattern_of(needles).search(data) is None:
        return None
    return Named(path=path, kind="link", room=0, sha256=digest_of(data))


def _named(cargo: Cargo, path: str, reader: _Reader) -> Named | None:
    if f"/{path}".endswith(_WRITTEN_ANEW):
        return None
    if "/.lamina/index/" in f"/{path}":
        report.warn(f"{path} names the prefix, and will go on naming this one")
        return None
    kind = "code" if path.endswith(".pyc") and _CODE in f"/{path}" else reader.kind
    room = 0
    if kind == "binary":
        room = cargo.rooms.get(path, 0) or min(len(one) for one in reader.needles)
    head = head_of(reader.head, reader.needles) if kind == "text" else b""
    return Named(path=path, kind=kind, room=room, sha256=reader.digest, head=head)
