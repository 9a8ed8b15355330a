"""Realise the lock of a published release once more, beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import IntegrityError
from lamina.release.begin import begin
from lamina.release.earlier import same_python
from lamina.release.realise import realise
from lamina.release.seal import describe, relocate_and_read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.release.draft import PublishRequest
    from lamina.release.root import Release, Root


def rebuild(
    request: PublishRequest, release: Release, root: Root, stage: Path
) -> Mapping[str, Path]:
    """Return digest -> file of what publishing would write now, made in ``stage``.

    What the release and others still have as recorded is taken over, the rest is installed. The
    caller holds the root and removes the stage. Raises IntegrityError where the interpreter is not
    the same any more, and whatever installing raises.
    """
    made = release.manifest()
    made_with = made.python
    draft = begin(request, release, root, stage, made)
    if not same_python(draft.python, made_with):
        raise IntegrityError(
            f"{release.name} was made with Python {made_with.version}, {made_with.interpreter}; "
            f"here is {draft.python.version}, {draft.python.interpreter}"
        )
    taken = realise(draft)
    describe(draft)
    entries = relocate_and_read(draft, taken)
    return {entry.sha256: stage / path for path, entry in entries.items() if entry.kind == "file"}
