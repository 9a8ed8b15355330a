"""Indexing a channel: from archives, patches and withdrawals to what solvers read."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.archive.reading import check_archive
from lamina.channel.broken import load_broken, mark_broken, unmark_broken
from lamina.channel.directory import (
    archives,
    changing,
    find_archive,
    read_records,
    subdir_of,
    subdirs,
)
from lamina.channel.patches import apply_patches, load_patches
from lamina.channel.repodata import named_shards, of_archives, sweep_shards, write_repodata
from lamina.core import fs, report
from lamina.core.errors import ConflictError, IntegrityError
from lamina.model.digests import digest_of_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from lamina.archive.reading import Contents
    from lamina.channel.repodata import Repodata


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedSubdir:
    """What became of one subdirectory."""

    subdir: str
    packages: int
    patched: int
    """So many records differ from what their archives say."""
    broken: int


def index_channel(channel: Path) -> list[IndexedSubdir]:
    """Write the repodata of a channel anew from its archives.

    Every archive that is new or changed is checked to its last byte first; when one is damaged,
    nothing is written. Raises IntegrityError that names each, ConflictError, StorageError.
    """
    places = subdirs(channel)
    with changing(channel):
        return _index(channel, places)


def _index(
    channel: Path, places: Iterable[str], *, leaving: Collection[Path] = ()
) -> list[IndexedSubdir]:
    with report.step(f"index {channel}"):
        return _write(channel, _made(channel, places, leaving=leaving))


def _made(
    channel: Path, places: Iterable[str], *, leaving: Collection[Path] = ()
) -> list[tuple[Repodata, Repodata]]:
    """Return the repodata of subdirectories, as archives say and patched; nothing is written."""
    patches, broken = load_patches(channel), load_broken(channel)
    made = []
    for subdir in places:
        raw = of_archives(subdir, read_records(channel, subdir, leaving=leaving))
        patched = raw.patched(functools.partial(apply_patches, patches))
        made.append((raw, patched.without(broken.get(subdir, ()))))
    return made


def _write(channel: Path, made: Iterable[tuple[Repodata, Repodata]]) -> list[IndexedSubdir]:
    found = []
    for raw, patched in made:
        before = named_shards(channel / raw.subdir)
        write_repodata(channel, raw, patched)
        sweep_shards(channel / raw.subdir, keep=before)
        found.append(_summary(raw, patched))
    return found


def _summary(raw: Repodata, patched: Repodata) -> IndexedSubdir:
    changed = [name for name, record in patched.records.items() if record != raw.records[name]]
    return IndexedSubdir(
        subdir=raw.subdir,
        packages=len(patched.records),
        patched=len(changed),
        broken=len(patched.removed),
    )


def add_packages(channel: Path, files: Sequence[Path]) -> list[IndexedSubdir]:
    """Copy archives into a channel and index it; all of them, or none.

    Raises IntegrityError for a damaged one, be it in the channel already, ConflictError where
    another of that name is there.
    """
    wanted = _targets(channel, [check_archive(file) for file in files])
    fs.make_directory(channel)
    with changing(channel):
        for target, contents in wanted.items():
            _refuse_another(contents, target)
        new = [target for target in wanted if not target.exists()]
        made_here = {one.parent for one in new if not one.parent.exists()}
        with report.step(f"index {channel}"):
            try:
                for target in new:
                    _copy(wanted[target], target)
                made = _made(channel, subdirs(channel))
            except BaseException:
                for path in (*new, *made_here):
                    fs.remove_tree(path)
                raise
            return _write(channel, made)


def _targets(channel: Path, checked: Iterable[Contents]) -> dict[Path, Contents]:
    """Return where archives go; raises ConflictError for two that would be one file."""
    found: dict[Path, Contents] = {}
    for one in checked:
        other = found.setdefault(channel / subdir_of(one) / one.file.name, one)
        if other.sha256 != one.sha256:
            raise ConflictError(
                f"{other.file} and {one.file}: the same name, and another content",
                hints=["raise the build number of one of them"],
            )
    return found


def _copy(contents: Contents, target: Path) -> None:
    data = contents.file.read_bytes()
    if digest_of_bytes(data) != contents.sha256:
        raise IntegrityError(f"{contents.file}: changed while it was being added")
    fs.make_directory(target.parent)
    fs.write_bytes(target, data)


def _refuse_another(contents: Contents, target: Path) -> None:
    """Leave what is published as it is: others have its digest in their locks."""
    if target.exists() and fs.sha256_of(target) != contents.sha256:
        raise ConflictError(
            f"{target}: there already, with another content",
            hints=["raise the build number of the new one"],
        )


def remove_packages(channel: Path, references: Sequence[str]) -> list[IndexedSubdir]:
    """Take packages out of a channel: out of its repodata first, so that nobody is sent to them.

    Raises UsageError for what is not there.
    """
    gone = [find_archive(channel, one) for one in references]
    with changing(channel):
        indexed = _index(channel, subdirs(channel), leaving=gone)
        for file in gone:
            fs.remove_file(file)
    return indexed


def mark_packages(
    channel: Path, references: Sequence[str], *, why: str = "", broken: bool = True
) -> list[IndexedSubdir]:
    """Note packages as broken, or as not broken after all, and let solvers know.

    Raises UsageError for what is not there, ConflictError when somebody else changes the channel:
    the list is as it was then.
    """
    with changing(channel):
        if broken:
            mark_broken(channel, references, why)
        else:
            unmark_broken(channel, references)
        return _index(channel, subdirs(channel))


def count_archives(channel: Path) -> int:
    """Return how many archives a channel has."""
    return sum(len(archives(channel, subdir)) for subdir in subdirs(channel))
