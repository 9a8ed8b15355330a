"""Which distribution brought which file, by the RECORD of each (PEP 376)."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Claim:
    """What a RECORD says of a file."""

    distribution: str
    """As its metadata directory is called, without the ending: ``numpy-2.1.0``."""
    digest: str
    """Such as ``sha256=...``; empty where the RECORD has none."""


def read_record(record: Path) -> Iterator[tuple[str, str]]:
    """Yield the absolute path of each file in a RECORD and its digest; nothing without RECORD."""
    location = os.fspath(record.parent.parent)
    try:
        with record.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            for row in csv.reader(stream):
                # csv stops at a NUL in older Pythons; no name can have one.
                if row and row[0] and "\0" not in row[0]:
                    path = os.path.normpath(os.path.join(location, row[0]))  # noqa: PTH118
                    yield path, row[1] if len(row) > 1 else ""
    except (FileNotFoundError, csv.Error):
        return


def claims(site: Path) -> dict[str, list[Claim]]:
    """Return path -> the distributions of a site-packages that say it is theirs."""
    found: dict[str, list[Claim]] = {}
    for record in sorted(site.glob("*.dist-info/RECORD")):
        name = record.parent.name.removesuffix(".dist-info")
        for path, digest in read_record(record):
            found.setdefault(path, []).append(Claim(name, digest))
    return found
