"""One directory has the metadata of two versions of a distribution."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import move_away

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.installed import Copy
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="duplicate-metadata",
    why="pip, and every program that asks for a version, reads the one while Python imports the "
    "files of the other.",
)
_SAMPLE = 50


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each such distribution."""
    for directory in patient.directories:
        by_key: dict[str, list[Copy]] = {}
        for copy in directory.copies:
            by_key.setdefault(copy.key, []).append(copy)
        for copies in by_key.values():
            if len({copy.version for copy in copies}) > 1:
                kept, *stale = sorted(copies, key=wrong_files)
                names = " and ".join(copy.metadata for copy in copies)
                what = f"{directory.path} has {names}; the files are those of {kept.version}"
                mend = move_away(*(copy.directory for copy in stale))
                yield KIND.found(what, mend, *(copy.directory for copy in copies))


def wrong_files(copy: Copy) -> float:
    """Return the share of the recorded files that are missing or differ."""
    sample = [row for row in copy.record if row[1] and copy.metadata not in row[0]][:_SAMPLE]
    if not sample:
        return 1.0
    return sum(not is_as_recorded(copy, *row) for row in sample) / len(sample)


def is_as_recorded(copy: Copy, path: str, recorded: str) -> bool:
    """Tell whether a file is there with the hash that its RECORD gives."""
    name, _, digest = recorded.partition("=")
    if name not in hashlib.algorithms_guaranteed or name.startswith("shake"):
        return True
    try:
        with (copy.directory.parent / path).open("rb") as stream:
            found = hashlib.file_digest(stream, name).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(found).decode().rstrip("=") == digest


CHECK = Check(kind=KIND, find=find)
