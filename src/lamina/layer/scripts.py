"""The console scripts of a base, run by the layer's interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.planting import mark

if TYPE_CHECKING:
    from lamina.engines.probe import BaseProbe

DISPATCHER = ".lamina-script"

_PROGRAM = '''
"""Run a console script of the base, named as this file is called, by the layer's interpreter."""

import os
import sys

ENTRIES = {entries}
FILES = {files}

name = os.path.basename(sys.argv[0])
if name in FILES:
    import runpy

    runpy.run_path(FILES[name], run_name="__main__")
elif name in ENTRIES:
    import importlib

    module, _, attribute = ENTRIES[name].partition("[")[0].strip().partition(":")
    target = importlib.import_module(module.strip())
    for part in attribute.strip().split("."):
        target = getattr(target, part)
    sys.exit(target())
else:
    sys.exit("lamina: the base of this layer has no script " + repr(name))
'''


def base_scripts(base: BaseProbe) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return entry points, Python files and other programs that distributions of a base bring.

    Each by name: ``module:function``, or the path of the file.
    """
    entries: dict[str, str] = {}
    python_files: dict[str, str] = {}
    programs: dict[str, str] = {}
    for one in base.distributions:
        entries |= {name: target for name, target in one.entries.items() if _usable(name)}
        for name, path in one.files.items():
            kind = _kind(path) if _usable(name) else None
            if kind is not None:
                (python_files if kind == "python" else programs)[name] = path
    return entries, python_files, programs


def dispatcher_text(entries: dict[str, str], files: dict[str, str]) -> str:
    """Return the one program behind all links, with the mark of a seed for its first line."""
    return mark("shebang") + _PROGRAM.format(entries=_literal(entries), files=_literal(files))


def _literal(table: dict[str, str]) -> str:
    lines = [f"    {name!r}: {target!r},\n" for name, target in sorted(table.items())]
    return "{\n" + "".join(lines) + "}"


def _usable(name: str) -> bool:
    taken = ("python", "activate", "deactivate", ".")
    return "/" not in name and not name.startswith(taken)


def _kind(path: str) -> str | None:
    try:
        with Path(path).open("rb") as stream:
            start = stream.read(256)
    except OSError:
        return None
    first, _, rest = start.partition(b"\n")
    if first.startswith(b"#!") and (b"python" in first or rest.startswith(b"'''exec'")):
        return "python"
    return "program"
