"""Whether what is installed can be imported, and whether its programs start."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import LaminaError
from lamina.layer.imports.modules import modules_of
from lamina.layer.imports.trial import Trial
from lamina.testing.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.engines.probe import Distribution
    from lamina.release.place import Place

_HELP_SECONDS = 120.0


def try_imports(
    distributions: Sequence[Distribution], place: Place, environ: Mapping[str, str]
) -> list[Outcome]:
    """Import the top-level modules of distributions with the Python of a place."""
    owners = {module: one.key for one in distributions for module in modules_of(one)}
    with report.step(f"importing {report.counted(len(owners), 'module')}"):
        trial = Trial(python=place.interpreter, environ=environ, view=place.namespace)
        failures = trial.failures(sorted(owners))
    return [
        Outcome(
            package=package,
            kind="import",
            subject=module,
            status="failed" if module in failures else "passed",
            detail=failures[module].error if module in failures else "",
        )
        for module, package in sorted(owners.items(), key=lambda pair: pair[::-1])
    ]


def try_programs(distributions: Sequence[Distribution], place: Place) -> list[Outcome]:
    """Ask the console scripts of distributions for their help."""
    programs = [(one.key, name) for one in distributions for name in sorted(one.entries)]
    if not programs:
        return []
    workers = max(2, os.cpu_count() or 2)
    with (
        report.step(
            f"starting {report.counted(len(programs), 'program')}", total=len(programs)
        ) as step,
        ThreadPoolExecutor(workers) as pool,
    ):

        def one(program: tuple[str, str]) -> Outcome:
            outcome = _ask_for_help(*program, place)
            step.advance()
            return outcome

        return list(pool.map(one, programs))


def _ask_for_help(package: str, name: str, place: Place) -> Outcome:
    began = time.monotonic()
    complaint = ""
    with tempfile.TemporaryDirectory(prefix="lamina-test-") as home:
        try:
            program = place.prefix / "bin" / name
            answer = place.run(program, "--help", home=Path(home), timeout=_HELP_SECONDS)
        except LaminaError as error:
            complaint = error.message
        else:
            if answer.returncode:
                words = (answer.stderr.strip() or answer.stdout.strip()).splitlines()
                code = f"exit code {answer.returncode}"
                complaint = f"{code}: {words[-1].strip()}" if words else code
    return Outcome(
        package=package,
        kind="program",
        subject=name,
        status="failed" if complaint else "passed",
        detail=complaint,
        seconds=time.monotonic() - began,
    )
