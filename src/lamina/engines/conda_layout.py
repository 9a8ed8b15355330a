"""Where the files of packages come to lie in a prefix, and which packages want the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lamina.archive.reading import Contents
    from lamina.model.conda import CondaRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A package whose archive has been hashed and checked."""

    record: CondaRecord
    contents: Contents


def check_layout(
    packages: Sequence[Checked], prefix: Path, python: CondaRecord | None = None
) -> None:
    """Raise what stands against installing packages together into a prefix.

    ``python`` is one of another prefix that they are for.

    IntegrityError for a file that two packages have, with both names; UsageError for a prefix that
    is longer than the place there is for it in a binary file.
    """
    records = [one.record for one in packages] + ([python] if python is not None else [])
    problems = [*_clobbers(packages, site_of(records)), *_too_long(packages, prefix)]
    if not problems:
        return
    text = "\n".join(message for _, message in problems[:20])
    if any(kind == "clobber" for kind, _ in problems):
        raise IntegrityError(text, hints=["leave out one of the two packages"])
    raise UsageError(text, hints=["choose a directory with a shorter path"])


def site_of(records: Sequence[CondaRecord]) -> str:
    """Return where Python packages go, below the prefix."""
    for one in records:
        if one.site_packages:
            return one.site_packages
        if one.name == "python":
            series = ".".join(one.version.split(".")[:2])
            return f"lib/python{series}/site-packages"
    return "site-packages"


def _clobbers(packages: Sequence[Checked], site: str) -> Iterator[tuple[str, str]]:
    owners: dict[str, CondaRecord] = {}
    for one in packages:
        for path in places(one, site):
            other = owners.setdefault(path, one.record)
            if other is not one.record:
                yield "clobber", f"{path}: in {other} and in {one.record}"


def places(package: Checked, site: str) -> Iterator[str]:
    """Yield where the files of a package will be, with the programs that installing makes."""
    python = package.record.noarch == "python"
    for entry in package.contents.paths:
        if entry.kind == "directory":
            continue
        if python and entry.path.startswith("site-packages/"):
            yield f"{site}/{entry.path.removeprefix('site-packages/')}"
        elif python and entry.path.startswith("python-scripts/"):
            yield f"bin/{entry.path.removeprefix('python-scripts/')}"
        else:
            yield entry.path
    for program in package.contents.entry_points:
        yield f"bin/{program.partition('=')[0].strip()}"


def _too_long(packages: Sequence[Checked], prefix: Path) -> Iterator[tuple[str, str]]:
    length = len(str(prefix).encode())
    for one in packages:
        for entry in one.contents.paths:
            room = len(entry.placeholder.encode())
            if entry.placeholder and entry.mode == "binary" and room < length:
                text = f"{length} bytes, and {entry.path} of {one.record} has room for {room}"
                yield "long", f"{prefix}: {text}"
                break
