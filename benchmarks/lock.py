"""``lamina lock`` against ``uv lock`` of the same set, each from no lock and a warm cache."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import uv

from benchmarks.sides import Comparison, Side, compare
from lamina.core.run import base_environment
from lamina.engines.uv_lock import dump_project
from lamina.resolve.project import plan_project
from lamina.stack.files import STACK_NAME, load_stack

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.uv_lock import UvProject


def run(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure for the stack in a directory."""
    environ = dict(os.environ)
    project = plan_project(load_stack(stack / STACK_NAME), environ)
    shutil.copy(stack / STACK_NAME, work)
    (work / "pyproject.toml").write_text(dump_project(project), encoding="utf-8")
    sides = [
        Side(
            name="lamina lock",
            commands=[[sys.executable, "-m", "lamina", "lock", "--quiet"]],
            prepare=lambda: (work / "lamina.lock").unlink(missing_ok=True),
            directory=work,
        ),
        Side(
            name="uv lock",
            commands=[[uv.find_uv_bin(), "lock", "--no-config", *_options(project)]],
            prepare=lambda: (work / "uv.lock").unlink(missing_ok=True),
            environ=base_environment(environ)
            | {"UV_DEFAULT_INDEX": project.default_index, "UV_PYTHON_DOWNLOADS": "never"},
            directory=work,
        ),
    ]
    title = f"lock {stack.name}"
    return compare(title, sides, rounds=rounds, reference="uv lock", promise=1.2)


def _options(project: UvProject) -> list[str]:
    """Return what uv is told beside the project, as lamina tells it."""
    options = ["--python", sys.executable]
    if project.only_binary:
        options.append("--no-build")
    for name in project.source:
        options += ["--no-binary-package", name]
    for name in project.prereleases:
        options += ["--prerelease-package", f"{name}=allow"]
    if project.exclude_newer is not None:
        options += ["--exclude-newer", project.exclude_newer.isoformat()]
    return options
