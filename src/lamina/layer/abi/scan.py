"""The compiled files of distributions, kept in the cache as long as a distribution is the same."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.layer.abi.binary import Binary, read_binary
from lamina.layer.keeping import Question, found_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.probe import Distribution
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A distribution with its compiled files."""

    name: PackageName
    version: str
    location: str
    binaries: tuple[Binary, ...]

    @property
    def offers(self) -> frozenset[str]:
        """The file names under which others may load its libraries."""
        return frozenset(one.name for one in self.binaries)


def scan_distributions(
    distributions: Iterable[Distribution], cache: Path | None
) -> dict[PackageName, Scan]:
    """Return the compiled files of each distribution that has any; see ``found_out``."""
    return {
        canonicalize_name(one.key): Scan(
            name=canonicalize_name(one.key),
            version=one.version,
            location=one.location,
            binaries=tuple(map(_binary, items)),
        )
        for one, items in found_out(distributions, cache, COMPILED)
        if items
    }


def _binary(item: Mapping[str, Any]) -> Binary:
    values = {one.name: item[one.name] for one in fields(Binary)}
    return Binary(**values | {key: tuple(values[key]) for key in ("needs", "search", "symbols")})


def _binaries(one: Distribution) -> list[dict[str, Any]]:
    location = Path(one.location)
    found = (read_binary(location, path) for path in sorted(compiled_files(one)))
    # As JSON has them: what is fresh compares equal to what was kept.
    return [json.loads(json.dumps(asdict(binary))) for binary in found if binary is not None]


COMPILED = Question(name="abi", version=1, find_out=_binaries)
"""Which compiled files a distribution has, and what they say of themselves."""


def compiled_files(one: Distribution) -> set[str]:
    """Return the paths, below its location, of what may be compiled code of a distribution."""
    return {
        path
        for path in recorded_paths(one)
        if ".so" in path.rpartition("/")[2] and not path.startswith(("../", "/"))
    }


def recorded_paths(one: Distribution) -> list[str]:
    """Return the paths of a distribution's files, by RECORD or by what an egg has instead."""
    metadata = Path(one.location) / one.metadata
    try:
        with (metadata / "RECORD").open(encoding="utf-8", newline="", errors="replace") as stream:
            return [row[0] for row in csv.reader(stream) if row]
    except OSError:
        pass
    try:
        lines = (metadata / "installed-files.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        return _below_tops(one, metadata)
    return [os.path.normpath(f"{one.metadata}/{line}") for line in lines if line]


def _below_tops(one: Distribution, metadata: Path) -> list[str]:
    """Return the files below the top-level names; nothing says more. A zipped egg has none."""
    try:
        tops = (metadata / "top_level.txt").read_text(encoding="utf-8").split()
    except OSError:
        tops = list(one.modules)
    location = Path(one.location)
    below = (path for top in tops for path in (location / top).rglob("*") if path.is_file())
    beside = (path for top in tops for path in location.glob(f"{top}.*") if path.is_file())
    return [str(path.relative_to(location)) for path in (*below, *beside)]
