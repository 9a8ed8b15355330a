"""Where the files of packages come to lie in a prefix, and which packages want the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.archive.members import unsafe_name
from lamina.core import report
from lamina.core.errors import ConflictError, IntegrityError, UsageError
from lamina.engines.conda_prefix import META

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from pathlib import Path

    from lamina.archive.reading import Contents
    from lamina.model.conda import CondaRecord

LOST = "__clobbers__"
"""Where the engine puts a file of a package that comes before another one which has it too."""
_RESERVED = frozenset({META, LOST})


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
    are only to be warned of, and for a file below what is a file or link of another package;
    UsageError for a prefix that is longer than the place there is for it in a binary file;
    IntegrityError for a file among the records of the prefix, or outside of it.
    """
    records = [one.record for one in packages] + ([python] if python is not None else [])
    site = site_of(records)
    if reason := unsafe_name(site):
        raise IntegrityError(f"{site!r}, where Python wants to have packages, is {reason}")
    _refuse_reserved(packages, site)
    problems = [*_clobbers(packages, site), *_too_long(packages, prefix)]
    if allow_clobber:
        for kind, message in problems[:20]:
            if kind == "clobber":
                report.warn(f"{message}: one of them is there")
        problems = [one for one in problems if one[0] != "clobber"]
    if not problems:
        return
    text = "\n".join(message for _, message in problems[:20])
    kinds = {kind for kind, _ in problems}
    if kinds & {"clobber", "below"}:
        hints = ["leave out one of the two packages"]
        raise ConflictError(
            text, hints=hints + ["[stack] allow-clobber = true"] * ("below" not in kinds)
        )
    raise UsageError(text, hints=["choose a directory with a shorter path"])


def _refuse_reserved(packages: Sequence[Checked], site: str) -> None:
    for one in packages:
        for path, _ in places(one, site):
            if path.split("/")[0] in _RESERVED:
                raise IntegrityError(f"{one.contents.file}: {path} is not a package's to have")


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
    for path, (record, _) in owners.items():
        if above := _above(path, owners):
            # Not to be allowed: which of the two is there depends on who is faster.
            yield "below", f"{path}: in {record}, and {above} is no directory in {owners[above][0]}"


def _above(path: str, files: Container[str]) -> str:
    """Return what is a file or link on the way to a path; empty where nothing is."""
    while path := path.rpartition("/")[0]:
        if path in files:
            return path
    return ""


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
