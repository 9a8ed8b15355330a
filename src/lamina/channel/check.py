"""Checking a channel: every archive to its last byte, and the repodata against the archives."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lamina.archive.reading import check_archive
from lamina.channel.directory import archives, record_of, subdirs
from lamina.channel.repodata import SHARDS, load_repodata, named_shards
from lamina.core import report
from lamina.core.errors import IntegrityError, LaminaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any


def check_channel(channel: Path) -> list[str]:
    """Return what is wrong with a channel, in words; an empty list where nothing is."""
    findings: list[str] = []
    for subdir in subdirs(channel):
        findings += _check_subdir(channel, subdir)
    return findings


def _check_subdir(channel: Path, subdir: str) -> Iterator[str]:
    files = archives(channel, subdir)
    try:
        raw = load_repodata(channel, subdir, raw=True)
        told = load_repodata(channel, subdir)
    except LaminaError as error:
        yield error.message
        return
    with report.step(f"check {subdir}", total=len(files)) as step, ThreadPoolExecutor() as pool:
        for problem in pool.map(lambda file: _check_file(file, raw.records), files):
            step.advance()
            if problem:
                yield problem
    there = {file.name for file in files}
    for name in sorted({*raw.records, *told.records, *told.removed} - there):
        yield f"{channel / subdir / name}: in the repodata, and not there"
    yield from _check_shards(channel / subdir)


def _check_file(file: Path, records: Mapping[str, dict[str, Any]]) -> str:
    """Return what is wrong with one archive; empty where nothing is."""
    record = records.get(file.name)
    if record is None:
        return f"{file}: not in the repodata"
    try:
        contents = check_archive(
            file, sha256=record.get("sha256") or "", md5=record.get("md5") or ""
        )
        found = record_of(contents)
    except IntegrityError as error:
        return error.message
    differing = sorted(key for key in {*found, *record} if found.get(key) != record.get(key))
    return f"{file}: its {', '.join(differing)} in the repodata differ" if differing else ""


def _check_shards(directory: Path) -> Iterator[str]:
    names = named_shards(directory)
    if not names and not (directory / SHARDS).is_file():
        yield f"{directory / SHARDS}: not there"
    for name in sorted(names):
        shard = directory / "shards" / name
        if not shard.is_file():
            yield f"{shard}: not there"
        elif hashlib.sha256(shard.read_bytes()).hexdigest() != name.partition(".")[0]:
            yield f"{shard}: is not what its name says"
