"""What a start opens: recorded once, when a release is made, so that it can be read ahead."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core import fs, report
from lamina.core.errors import LaminaError
from lamina.release.place import staging_place
from lamina.release.relocate import Relocation
from lamina.release.root import INTERNAL
from lamina.release.verify import recorded_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lamina.release.draft import Draft
    from lamina.release.place import Place

PREFETCH_NAME = "prefetch.list"
"""The files, one path a line, relative to the prefix, sorted."""
RECORD_NAME = "start.json"

_RECORD = Path(__file__).parents[1] / "_target" / "record_start.py"
_SECONDS = 900.0
_SHORT = 1 << 20
"""Bytes of a file that is read whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecord:
    """What importing the modules that a stack tests has opened; paths are relative to the prefix.

    ``libraries`` are pairs, of a top-level module and a file that loading a compiled module of it
    has mapped; ``needs`` says which top-level modules one imports; ``parts`` has offset and length,
    in bytes, of what was looked at in files longer than 1 MiB.
    """

    files: list[str]
    libraries: list[tuple[str, str]]
    needs: dict[str, list[str]]
    parts: dict[str, list[tuple[int, int]]]

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=0, sort_keys=True) + "\n"


def keep_record(draft: Draft) -> Path:
    """Import what the stack's tests import, and keep what this opens; return where that is.

    Without tests, it is what the interpreter opens by itself. Where recording fails, it is what was
    opened until then. A release that is only made once more has its own record.
    """
    request, stage = draft.request, draft.stage
    path = stage / INTERNAL / RECORD_NAME
    text = _kept(draft)
    if text is None:
        modules = request.stack.test.imports if request.run_tests else ()
        with report.step("recording what a start opens") as step, _where_it_runs(draft) as place:
            record = _recorded(place, modules, stage)
            step.outcome = f"{len(record.files)} files"
        text = record.dump()
    fs.write_text(path, text, durable=False)
    names = "".join(f"{name}\n" for name in sorted(json.loads(text)["files"]))
    fs.write_bytes(stage / INTERNAL / PREFETCH_NAME, os.fsencode(names), durable=False)
    return path


def _kept(draft: Draft) -> str | None:
    """Return the record of the release that is made once more, if that is as it was."""
    path = draft.release.internal / RECORD_NAME
    if draft.made is None or not path.is_file():
        return None
    recorded = recorded_files(draft.release).get(f"{INTERNAL}/{RECORD_NAME}")
    sound = recorded is not None and fs.sha256_of(path) == recorded.sha256
    return path.read_text(encoding="utf-8", errors="surrogateescape") if sound else None


@contextmanager
def _where_it_runs(draft: Draft) -> Iterator[Place]:
    """Yield a place, with the settings of the release naming it for as long as this lasts."""
    request, stage = draft.request, draft.stage
    if draft.place is None:
        yield staging_place(stage=stage, environ=request.environ, log=request.log)
        return
    if request.conda is not None:
        yield draft.place
        return
    settings = stage / "pyvenv.cfg"
    text = settings.read_bytes()
    moved = Relocation(stage=stage, final=draft.final).text(text)
    fs.write_bytes(settings, moved, durable=False)
    try:
        yield draft.place
    finally:
        fs.write_bytes(settings, text, durable=False)


def _recorded(place: Place, modules: Iterable[str], stage: Path) -> StartRecord:
    record = StartRecord(files=[], libraries=[], needs={}, parts={})
    for kind, *words in _notes(place, modules):
        if kind == "needs":
            name, other = words
            record.needs.setdefault(name, []).extend([other] if other else [])
        elif kind == "part" and _is_listable(stage, words[0]):
            if (stage / words[0]).stat().st_size > _SHORT:
                part = int(words[1]), int(words[2])
                record.parts.setdefault(words[0], []).append(part)
        elif kind == "library" and _is_listable(stage, words[1]):
            record.libraries.append((words[0], words[1]))
        elif kind == "file" and _is_listable(stage, words[0]):
            record.files.append(words[0])
    return record


def _notes(place: Place, modules: Iterable[str]) -> list[list[str]]:
    with tempfile.TemporaryDirectory(prefix="lamina-start-") as home:
        answer = Path(home) / "opened"
        answer.touch()
        # The order of imports may be that of a set.
        words: tuple[str | Path, ...] = ("env", "PYTHONHASHSEED=0", place.interpreter, "-B")
        words = (*words, _RECORD, place.prefix, answer, *modules)
        try:
            place.run(*words, home=Path(home), timeout=_SECONDS)
        except LaminaError as error:
            report.note(f"the list of files to read ahead is not complete: {error.message}")
        # On a full disk, the last line is not whole.
        return [_parsed(line) for line in answer.read_bytes().splitlines() if line.endswith(b"]")]


def _parsed(line: bytes) -> list[str]:
    parsed: Any = json.loads(line)
    return [str(word) for word in parsed]


def _is_listable(stage: Path, path: str) -> bool:
    """Tell whether a path is that of a file which is in the release itself."""
    return (stage / path).is_file() and not path.startswith(f"{INTERNAL}/")
