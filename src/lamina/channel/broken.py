"""Broken packages: hidden from solves, there for who has them in a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.archive.reading import stem_of
from lamina.channel.directory import find_archive, is_subdir
from lamina.channel.repodata import load_repodata
from lamina.core import fs
from lamina.core.errors import DocumentError, IntegrityError, Problem
from lamina.model.conda import CondaRecord, record_of_json
from lamina.model.document import read_document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BROKEN = "broken.txt"
"""In a channel: a package a line, as SUBDIR/FILE; what comes after ``#`` says why."""


def load_broken(channel: Path) -> dict[str, set[str]]:
    """Return subdirectory -> files that no solve may choose; raises DocumentError."""
    path = channel / BROKEN
    found: dict[str, set[str]] = {}
    problems = []
    for number, line in enumerate(_lines(path), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        subdir, _, name = text.rpartition("/")
        try:
            stem_of(name)
        except ValueError as error:
            problems.append(Problem(where=f"line {number}", found=str(error)))
            continue
        if not is_subdir(subdir):
            problem = f"{text!r} is not SUBDIR/FILE"
            problems.append(Problem(where=f"line {number}", found=problem))
        found.setdefault(subdir, set()).add(name)
    if problems:
        raise DocumentError(path, problems)
    return found


def mark_broken(channel: Path, references: Iterable[str], why: str) -> None:
    """Note packages as broken; raises UsageError. The caller holds the channel."""
    files = dict.fromkeys(find_archive(channel, one) for one in references)
    known = load_broken(channel)
    new = [file for file in files if file.name not in known.get(file.parent.name, ())]
    added = [f"{file.parent.name}/{file.name}" for file in new]
    reason = f"  # {' '.join(why.split())}" if why else ""
    lines = [*_lines(channel / BROKEN), *(f"{one}{reason}" for one in added)]
    if added:
        fs.write_text(channel / BROKEN, "\n".join(lines) + "\n")


def unmark_broken(channel: Path, references: Iterable[str]) -> None:
    """Take packages off the list; raises UsageError. The caller holds the channel."""
    files = [find_archive(channel, one) for one in references]
    gone = {f"{one.parent.name}/{one.name}" for one in files}
    lines = _lines(channel / BROKEN)
    kept = [line for line in lines if line.partition("#")[0].strip() not in gone]
    if len(kept) != len(lines):
        fs.write_text(channel / BROKEN, "".join(f"{line}\n" for line in kept))


def exact_record(channel: Path, reference: str) -> CondaRecord:
    """Return the record of the one package that FILE or SUBDIR/FILE names, broken or not.

    As its archive describes it. Raises UsageError for what is not there, DocumentError.
    """
    file = find_archive(channel, reference)
    subdir = file.parent.name
    record = load_repodata(channel, subdir, raw=True).records.get(file.name)
    if record is None:
        raise IntegrityError(f"{file}: not indexed", hints=[f"lamina channel index {channel}"])
    address = f"{channel.resolve().as_uri()}/"
    return record_of_json(
        record, file_name=file.name, channel=address, url=f"{address}{subdir}/{file.name}"
    )


def _lines(path: Path) -> list[str]:
    return read_document(path).splitlines() if path.exists() else []
