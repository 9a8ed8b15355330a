"""The hooks around the installation of a release's packages, run in its stage."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lamina.core.run import base_environment
from lamina.engines.build_room import BuildRoom, walls_here
from lamina.engines.hooks import run_hook

if TYPE_CHECKING:
    from lamina.release.draft import Draft


def run_install_hooks(draft: Draft, hook: Literal["pre-install", "post-install"]) -> None:
    """Run a hook of each package of the release that has one, in the order of lamina.toml.

    It may write to the stage, and names its final path as ``$FINAL_PREFIX``. Raises
    BuildFailedError that names the hook that failed.
    """
    request, stage = draft.request, draft.stage
    versions = {one.package: one.version for one in request.artifacts}
    commands = {
        name: text
        for name, table in request.stack.hooks.items()
        if name in versions and (text := table.of(hook).get(hook))
    }
    if not commands:
        return
    walls = walls_here(request.environ, network=request.stack.build.network, directory=stage)
    for name, text in commands.items():
        with tempfile.TemporaryDirectory(prefix="lamina-hook-") as work:
            variables = _variables(draft, Path(work)) | {"NAME": name, "VERSION": versions[name]}
            room = BuildRoom(work=stage, walls=walls, log=request.log, variables=variables)
            run_hook(room, name, hook, text, cwd=Path(work), also=Path(work))


def _variables(draft: Draft, work: Path) -> dict[str, str]:
    stage, environ = draft.stage, draft.request.environ
    base = base_environment(environ)
    kept = {name: base[name] for name in base if name == "LANG" or name.startswith("LC_")}
    return {
        **kept,
        "PATH": os.pathsep.join([str(stage / "bin"), base.get("PATH", os.defpath)]),
        "HOME": str(work),
        "TMPDIR": str(work),
        "WORK": str(work),
        "PREFIX": str(stage),
        "STACK_PREFIX": str(stage),
        "FINAL_PREFIX": str(draft.final),
        "PYTHON": str(stage / "bin" / "python"),
        "JOBS": str(draft.request.stack.build.jobs or os.cpu_count() or 1),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "LAMINA_INDEX": "0",
    }
