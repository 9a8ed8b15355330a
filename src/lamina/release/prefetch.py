"""The files that a start opens: what a client on a network file system reads ahead, in one go."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import LaminaError
from lamina.release.place import staging_place
from lamina.release.root import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.release.draft import Draft
    from lamina.release.place import Place

PREFETCH_NAME = "prefetch.list"
"""One path a line, relative to the prefix, sorted."""

_RECORD = Path(__file__).parents[1] / "_target" / "record_start.py"
_SECONDS = 900.0


def keep_prefetch(draft: Draft) -> None:
    """Import what the stack's tests import, and list the release's files that this opens.

    Without tests, those that the interpreter opens by itself. Where recording fails, the list has
    what was opened until then.
    """
    request, stage = draft.request, draft.stage
    here = draft.place or staging_place(stage=stage, environ=request.environ, log=request.log)
    modules = request.stack.test.imports if request.run_tests else ()
    with report.step("recording what a start opens") as step:
        paths = [path for path in _opened(here, modules) if _is_listable(stage, path)]
        step.outcome = f"{len(paths)} files"
    text = "".join(f"{path}\n" for path in sorted(paths))
    fs.write_bytes(stage / INTERNAL / PREFETCH_NAME, os.fsencode(text), durable=False)


def _opened(place: Place, modules: Iterable[str]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="lamina-start-") as home:
        answer = Path(home) / "opened"
        answer.touch()
        record = (place.interpreter, "-B", _RECORD, place.prefix, answer)
        try:
            place.run(*record, *modules, home=Path(home), timeout=_SECONDS)
        except LaminaError as error:
            report.note(f"the list of files to read ahead is not complete: {error.message}")
        return [os.fsdecode(line) for line in answer.read_bytes().splitlines()]


def _is_listable(stage: Path, path: str) -> bool:
    """Tell whether a path is that of a file which is in the release itself."""
    return (stage / path).is_file() and not path.startswith(f"{INTERNAL}/")
