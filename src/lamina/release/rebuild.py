"""Realise the lock of a published release once more, beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import IntegrityError, LaminaError, PackagesLostError, StorageError
from lamina.release.begin import begin
from lamina.release.earlier import same_python
from lamina.release.realise import realise
from lamina.release.salvage import Salvage, lost_archives, names_of, without
from lamina.release.seal import describe, relocate_and_read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.release.draft import Draft, PublishRequest
    from lamina.release.root import Release, Root


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What was made once more."""

    files: Mapping[str, Path]
    """Digest -> file."""
    lost: Mapping[str, str]
    """Of each package that cannot be had, by name and version, why."""


def rebuild(request: PublishRequest, release: Release, root: Root, stage: Path) -> Rebuilt:
    """Return what publishing would write now, made in ``stage``; without what cannot be had.

    What the release and others still have as recorded is taken over, the rest is installed. The
    caller holds the root and removes the stage. Raises IntegrityError where the interpreter is not
    the same any more, and whatever installing raises.
    """
    names, lost = names_of(request.lock), dict[str, str]()
    request = replace(request, installer=Salvage(inner=request.installer))
    while True:
        try:
            files = _made(request, release, root, stage, whole=not lost)
            return Rebuilt(files=files, lost=lost)
        except PackagesLostError as error:
            if not error.lost.keys() & names_of(request.lock).keys():
                raise
            lost |= {names[file]: why.message for file, why in error.lost.items()}
            for file, why in error.lost.items():
                report.warn(f"{names[file]} cannot be had: {why.message}")
            request = replace(request, lock=without(request.lock, error.lost))
        fs.remove_tree(stage)


def _made(
    request: PublishRequest, release: Release, root: Root, stage: Path, *, whole: bool
) -> Mapping[str, Path]:
    draft = _begun(request, release, root, stage)
    made_with = release.manifest().python
    if not same_python(draft.python, made_with):
        raise IntegrityError(
            f"{release.name} was made with Python {made_with.version}, {made_with.interpreter}; "
            f"here is {draft.python.version}, {draft.python.interpreter}"
        )
    taken = realise(draft)
    try:
        describe(draft)
    except StorageError:
        raise
    except LaminaError as error:
        if whole:
            raise
        report.note(f"what describes the whole release is not made: {error.message}")
    entries = relocate_and_read(draft, taken)
    return {entry.sha256: stage / path for path, entry in entries.items() if entry.kind == "file"}


def _begun(request: PublishRequest, release: Release, root: Root, stage: Path) -> Draft:
    try:
        return begin(request, release, root, stage, release.manifest())
    except StorageError:
        raise
    except LaminaError as error:
        if lost := lost_archives(request):
            raise PackagesLostError(lost) from error
        raise
