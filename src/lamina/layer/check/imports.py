"""Whether the layer's own packages can be imported by its interpreter."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina import _target
from lamina.core import fs
from lamina.core.errors import LaminaError
from lamina.core.run import run
from lamina.layer.base import Place
from lamina.layer.check.content import recorded
from lamina.layer.check.findings import Finding
from lamina.layer.check.identity import rebuild
from lamina.layer.entering import entered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.engines.probe import Distribution
    from lamina.layer.state import LayerState

_SECONDS = 300.0
_PROGRAM = Path(_target.__file__).with_name("import_each.py")
_COMPILED = (".so", ".pyd")


def top_modules(one: Distribution) -> list[str]:
    """Return the modules that a distribution puts at the top: packages, files, extensions."""
    location = Path(one.location)
    found = set()
    for file in recorded(one) or ():
        if not file.path.is_relative_to(location):
            continue
        parts = file.path.relative_to(location).parts
        if len(parts) == 2 and parts[1] == "__init__.py":
            found.add(parts[0])
        elif len(parts) == 1 and file.path.suffix in {".py", *_COMPILED}:
            found.add(file.path.name.partition(".")[0])
    return sorted(name for name in found if name.isidentifier())


def check_imports(layer: LayerState, environ: Mapping[str, str]) -> tuple[list[Finding], int]:
    """Import what the layer itself holds; return the findings and how many modules there were.

    A module that asks for another project that is nowhere is passed over: it is for those who have
    that one too. What is required and missing is found by its metadata.
    """
    owners = {module: one for one in layer.own for module in top_modules(one)}
    failed = import_all(layer, sorted(owners), environ)
    findings = [
        Finding(
            kind="import-failed",
            package=canonicalize_name(owners[module].key),
            what=f"import {module}: {error}",
            mend=rebuild(layer),
        )
        for module, error in failed.items()
    ]
    return findings, len(owners)


def import_all(layer: LayerState, modules: list[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return module -> error of those that cannot be imported.

    They share a process; the one that ends it is known, and the rest go into another one.
    """
    python = layer.path / "bin" / "python"
    here = Place(
        given=str(layer.path), kind="layer", python=python, prefix=layer.path,
        variables=layer.document.base.variables,
    )  # fmt: skip
    env, _ = entered(here, environ)
    # Nothing is to be written into the layer, and no window to be opened.
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"}
    failed: dict[str, str] = {}
    rest = list(modules)
    while rest:
        done, last, how = _import_some(python, rest, env)
        failed |= {name: error for name, error in done.items() if error}
        if how is None:
            return failed
        fallen = last or rest[0]
        failed[fallen] = how
        rest = [name for name in rest if name not in done and name != fallen]
    return failed


def _import_some(
    python: Path, modules: list[str], env: Mapping[str, str]
) -> tuple[dict[str, str], str | None, str | None]:
    """Return the answers, the module under way when the process ended, and how it ended."""
    with tempfile.TemporaryDirectory(prefix="lamina-") as directory:
        listing = Path(directory) / "modules.json"
        fs.write_text(listing, json.dumps(modules), durable=False)
        try:
            argv = [python, _PROGRAM, listing]
            answer = run(argv, env=env, cwd=Path(directory), timeout=_SECONDS, check=False)
        except LaminaError as error:
            return {}, None, error.message
    done: dict[str, str] = {}
    last = None
    for line in answer.stdout.splitlines():
        fact = json.loads(line)
        if "begin" in fact:
            last = fact["begin"]
        else:
            done[fact["end"]] = "" if fact["absent"] else fact["error"].partition("\n")[0][:300]
            last = None
    if answer.returncode == 0:
        return done, None, None
    return done, last, f"ends the interpreter (exit code {answer.returncode})"
