"""The tests of a release: its imports, each in a process of its own, and its commands."""

from __future__ import annotations

import os
import shlex
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lamina.core import report
from lamina.core.errors import BuildFailedError, LaminaError
from lamina.release.manifest import ManifestTest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.release.place import Place
    from lamina.stack.document import TestTable

_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    kind: Literal["import", "command"]
    subject: str

    def words(self, place: Place) -> tuple[str | Path, ...]:
        if self.kind == "import":
            return (place.interpreter, "-c", f"import {self.subject}")
        return ("/bin/sh", "-c", self.subject)


def run_tests(table: TestTable, place: Place) -> list[ManifestTest]:
    """Run all tests and return what passed.

    Raises BuildFailedError that names each failing one with the last line it wrote.
    """
    tests = [
        *(_Test(kind="import", subject=module) for module in table.imports),
        *(_Test(kind="command", subject=command) for command in table.commands),
    ]
    if not tests:
        return []
    workers = max(2, min(4, os.cpu_count() or 2))
    with report.step("testing", total=len(tests)) as step, ThreadPoolExecutor(workers) as pool:

        def one(test: _Test) -> str:
            answer = _complaint(test, place)
            step.advance()
            return answer

        complaints = [text for text in pool.map(one, tests) if text]
        step.outcome = f"{len(tests) - len(complaints)} of {len(tests)} passed"
    if complaints:
        raise BuildFailedError(_message(complaints), hints=[f"less {shlex.quote(str(place.log))}"])
    return [ManifestTest(kind=test.kind, subject=test.subject) for test in tests]


def _message(complaints: Sequence[str]) -> str:
    count = len(complaints)
    head = f"{count} test{'s' if count > 1 else ''} of the release failed; nothing was published"
    return "\n".join([head, *(f"  {text}" for text in complaints)])


def _complaint(test: _Test, place: Place) -> str:
    """Run one test and return what is wrong with it; empty when it passed."""
    with tempfile.TemporaryDirectory(prefix="lamina-test-") as home:
        try:
            answer = place.run(*test.words(place), home=Path(home), timeout=_SECONDS)
        except LaminaError as error:
            return f"{test.kind} {test.subject}: {error.message}"
    if answer.returncode == 0:
        return ""
    lines = (answer.stderr.strip() or answer.stdout.strip()).splitlines()
    return f"{test.kind} {test.subject}: {lines[-1].strip() if lines else _end(answer.returncode)}"


def _end(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"exit code {code}"
