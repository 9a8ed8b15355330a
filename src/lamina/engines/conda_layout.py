"""Where the files of packages come to lie in a prefix, and which packages want the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import ConflictError, UsageError

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
    packages: Sequence[Checked],
    prefix: Path,
    python: CondaRecord | None = None,
    *,
    allow_clobber: bool = False,
) -> None:
    """Raise what stands against installing packages together into a prefix.

    ``python`` is one of another prefix that they are for.

    ConflictError for a file that two packages have, with both names, unless it is the same or they
    are only to be warned of; UsageError for a prefix that is longer than the place there is for it
    in a binary file.
    """
    records = [one.record for one in packages] + ([python] if python is not None else [])
    problems = [*_clobbers(packages, site_of(records)), *_too_long(packages, prefix)]
    if allow_clobber:
        for kind, message in problems[:20]:
            if kind == "clobber":
                report.warn(f"{message}: one of them is there")
        problems = [one for one in problems if one[0] != "clobber"]
    if not problems:
        return
    text = "\n".join(message for _, message in problems[:20])
    if any(kind == "clobber" for kind, _ in problems):
        hints = ["leave out one of the two packages", "[stack] allow-clobber = true"]
        raise ConflictError(text, hints=hints)
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
    owners: dict[str, tuple[CondaRecord, str]] = {}
    for one in packages:
        for path, content in places(one, site):
            other, there = owners.setdefault(path, (one.record, content))
            if other is not one.record and (there != content or not content):
                yield "clobber", f"{path}: in {other} and in {one.record}"


def places(package: Checked, site: str) -> Iterator[tuple[str, str]]:
    """Yield where the files of a package will be, with the programs that installing makes.

    With each comes what says its content; nothing for what is made.
    """
    python = package.record.noarch == "python"
    for entry in package.contents.paths:
        if entry.kind == "directory":
            continue
        content = f"{entry.kind} {entry.sha256} {entry.placeholder}" if entry.sha256 else ""
        if python and entry.path.startswith("site-packages/"):
            yield f"{site}/{entry.path.removeprefix('site-packages/')}", content
        elif python and entry.path.startswith("python-scripts/"):
            yield f"bin/{entry.path.removeprefix('python-scripts/')}", content
        else:
            yield entry.path, content
    for program in package.contents.entry_points:
        yield f"bin/{program.partition('=')[0].strip()}", ""


def _too_long(packages: Sequence[Checked], prefix: Path) -> Iterator[tuple[str, str]]:
    length = len(str(prefix).encode())
    for one in packages:
        for entry in one.contents.paths:
            room = len(entry.placeholder.encode())
            if entry.placeholder and entry.mode == "binary" and room < length:
                text = f"{length} bytes, and {entry.path} of {one.record} has room for {room}"
                yield "long", f"{prefix}: {text}"
                break
