"""Whether the packages of a layer are those of its lock, and their files those of their wheels."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core.report import counted
from lamina.layer.check.findings import Finding
from lamina.layer.check.identity import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.engines.probe import Distribution
    from lamina.layer.state import LayerState

_SHOWN = 3
# Those of variable length have no digest of their own.
_ALGORITHMS = {one for one in hashlib.algorithms_guaranteed if not one.startswith("shake")}


def check_packages(layer: LayerState) -> Iterator[Finding]:
    """Yield the packages that are not there, or not at the version that lamina put there."""
    there = {canonicalize_name(one.key): one.version for one in layer.own}
    for name, one in sorted(layer.managed.items()):
        if name not in there:
            what = f"{name} {one.version} is not in the layer any more"
            yield Finding(kind="package-missing", package=name, what=what, mend=rebuild(layer))
        elif there[name] != one.version:
            what = f"{name} is {there[name]}, put there by somebody else over {one.version}"
            yield Finding(kind="package-changed", package=name, what=what, mend=rebuild(layer))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line of a RECORD."""

    path: Path
    algorithm: str
    digest: str


def recorded(one: Distribution) -> list[Recorded] | None:
    """Return the files of a distribution that have a digest; None where it has no RECORD."""
    location = Path(one.location)
    try:
        with (location / one.metadata / "RECORD").open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.reader(stream) if len(row) >= 2]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    found = []
    for name, digest, *_ in rows:
        algorithm, _, value = digest.partition("=")
        path = Path(os.path.normpath(location / name))
        if value and algorithm in _ALGORITHMS:
            found.append(Recorded(path, algorithm, value))
    return found


def check_files(layer: LayerState) -> tuple[list[Finding], int]:
    """Hash every file that a RECORD lists again; return the findings and how many there were."""
    findings: list[Finding] = []
    count = 0
    with ThreadPoolExecutor(8) as pool:
        for one in layer.own:
            files = recorded(one)
            if files is None:
                what = f"{one.name} has no RECORD of its files that can be read"
                findings.append(_finding(layer, one, "file-missing", what))
                continue
            states = list(pool.map(_state, files, chunksize=64))
            count += len(files)
            for kind in ("file-missing", "file-changed"):
                wrong = [
                    os.path.relpath(file.path, layer.path)
                    for file, state in zip(files, states, strict=True)
                    if state == kind
                ]
                if wrong:
                    said = "missing" if kind == "file-missing" else "changed"
                    what = f"{counted(len(wrong), 'file')} of {one.name} {said}: {_some(wrong)}"
                    findings.append(_finding(layer, one, kind, what))
    return findings, count


def _finding(layer: LayerState, one: Distribution, kind: str, what: str) -> Finding:
    name = canonicalize_name(one.key)
    managed = name in layer.managed
    python = layer.path / "bin" / "python"
    words = ["uv", "pip", "install", "--python", str(python), "--reinstall", name]
    mend = rebuild(layer) if managed else shlex.join(words)
    if kind == "file-missing":
        return Finding(kind="file-missing", package=name, what=what, mend=mend)
    return Finding(kind="file-changed", package=name, what=what, mend=mend)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _state(one: Recorded) -> str:
    try:
        with one.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, one.algorithm).digest()
    except (OSError, ValueError):  # No name of a file can have a NUL in it.
        return "file-missing"
    text = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return "sound" if text == one.digest.rstrip("=") else "file-changed"
