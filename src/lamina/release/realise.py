"""Make a lock real in a staging directory: environment, packages, byte code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import IntegrityError
from lamina.engines.conda_prefix import META
from lamina.engines.uv_python import make_environment
from lamina.model.artifacts import ArtifactKind
from lamina.release.conda_activation import SCRIPTS, write_activation
from lamina.release.conda_part import check_clobbers
from lamina.release.install_hooks import run_install_hooks
from lamina.release.intruders import names_of_ours, refuse_intruders
from lamina.release.processor import write_check
from lamina.release.root import INTERNAL
from lamina.release.staged import run_staged
from lamina.release.takeover import clashing, give_back, plan_takeover, take_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.model.artifacts import Artifact
    from lamina.release.draft import Draft
    from lamina.release.takeover import Taken

_NOT_OURS = (
    ".gitignore",
    "CACHEDIR.TAG",
    "bin/activate.bat",
    "bin/deactivate.bat",
    "bin/pydoc.bat",
)
BUNDLE_NAME = "python"
"""Where in a release the copy of its interpreter is."""


def realise(draft: Draft) -> Taken:
    """Fill the stage, and return what it has in common with earlier releases.

    What names its own path still names the stage.

    Raises what the installer raises, BuildFailedError for a package that brings files of the
    release itself and for a hook that fails, StorageError when the disk is full.
    """
    request, stage = draft.request, draft.stage
    fs.make_directory(stage)
    prepare(draft)
    run_install_hooks(draft, "pre-install")
    ours = _ours(draft)
    taken = _install(draft)
    run_install_hooks(draft, "post-install")
    refuse_intruders(stage, ours)
    write_check(request.stack, request.target.platform, stage)
    if request.conda is not None:
        check_clobbers(stage, allowed=request.stack.stack.allow_clobber)
    compile_tree(draft, taken)
    return taken


def _ours(draft: Draft) -> frozenset[str]:
    """Return what no package of an index may bring."""
    if draft.request.conda is not None:
        # What is of conda packages is looked at by its content, and its records are no package's.
        return frozenset({"pyvenv.cfg", INTERNAL, META, *(f"bin/{one}" for one in SCRIPTS)})
    bundled = [BUNDLE_NAME] if draft.request.bundle else []
    return names_of_ours(draft.stage, directories=bundled)


def _install(draft: Draft) -> Taken:
    """Install what cannot be taken over, then take over the rest.

    In this order: an installer writes into files that are there already, and those that are taken
    over are a published release's as well. What the two have in common is installed.
    """
    request, stage = draft.request, draft.stage
    packages = plan_takeover(draft)
    while True:
        ready = {one.artifact for one in packages}
        rest = [one for one in request.artifacts if one not in ready]
        if rest:
            with report.step(_title(rest)):
                request.installer.install(
                    rest, python=stage / "bin" / "python", locator=request.locator
                )
            fs.remove_file(stage / ".lock")  # uv's, for while it installs
        if clash := clashing(packages, stage):
            packages = tuple(one for one in packages if one not in clash)
            continue
        try:
            return take_over(packages, stage, link=not draft.is_written_to)
        except IntegrityError as error:
            report.note(f"installing these packages after all: {error.message}")
            give_back(packages, stage)
            packages = ()


def _title(artifacts: Sequence[Artifact]) -> str:
    """Return what the installer does: it builds what comes as sources first."""
    builds = any(one.kind is ArtifactKind.SDIST for one in artifacts)
    verb = "building and installing" if builds else "installing"
    return f"{verb} {report.counted(len(artifacts), 'package')}"


def prepare(draft: Draft) -> None:
    """Make the environment: shaped as PEP 405 says, so that every Python understands it."""
    request, stage = draft.request, draft.stage
    interpreter = draft.interpreter
    if request.conda is not None:
        write_activation(draft)
        return
    program: Path = interpreter.path
    link: str | Path = interpreter.path
    if request.bundle:
        from lamina.release.bundle import bundle_interpreter

        with report.step("copying the interpreter"):
            program = bundle_interpreter(
                interpreter,
                stage / BUNDLE_NAME,
                final=draft.final / BUNDLE_NAME,
                environ=request.environ,
            )
        link = Path("..") / program.relative_to(stage)
    make_environment(request.uv, stage, python=program, prompt=draft.release.name)
    for name in _NOT_OURS:
        fs.remove_file(stage / name)
    fs.symlink(stage / "bin" / "python", link)
    configuration = {
        "home": program.parent,
        "implementation": "CPython",
        "version_info": interpreter.version,
        "include-system-site-packages": "false",
        "prompt": draft.release.name,
    }
    text = "".join(f"{key} = {value}\n" for key, value in configuration.items())
    fs.write_text(stage / "pyvenv.cfg", text, durable=False)


def compile_tree(draft: Draft, taken: Taken) -> None:
    """Write the byte code of every source: the same bytes each time and wherever it is built."""
    finished = (one.name for one in taken.packages)
    with report.step("compiling") as step:
        answer = run_staged(
            draft, "compile_tree.py", draft.stage, str(os.cpu_count() or 1), *finished
        )
        failed = json.loads(answer)["failed"]
        if failed:
            step.outcome = f"done but for {len(failed)} files that are not for this Python"
