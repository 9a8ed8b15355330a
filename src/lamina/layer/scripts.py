"""The console scripts of a base, run by the layer's interpreter."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.planting import mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.engines.probe import BaseProbe

DISPATCHER = ".lamina-script"
_SYSTEM = frozenset(map(Path, ("/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin")))
_ENOUGH = 1024
_SHELL_FORM = re.compile(r"^'''exec' (.+) \"\$0\"", re.MULTILINE)

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


def unrecorded_scripts(programs: Path, pythons: Iterable[Path]) -> dict[str, str]:
    """Return name -> path of the scripts in a base's bin directory that its Python runs.

    Those that no distribution has recorded: by their name, too, the layer's interpreter runs them.
    The system's own scripts stay with the system's packages.
    """
    if programs.resolve() in _SYSTEM:
        return {}
    try:
        names = sorted(os.listdir(programs))  # noqa: PTH208
    except OSError:
        return {}
    directories = _directories(pythons)
    found = {name: programs / name for name in names if _usable(name)}
    return {name: str(path) for name, path in found.items() if _runs_in(path, directories)}


def is_run_by(script: Path, pythons: Iterable[Path]) -> bool:
    """Tell whether a script names an interpreter that is beside one of ``pythons``."""
    return _runs_in(script, _directories(pythons))


def _directories(pythons: Iterable[Path]) -> frozenset[str]:
    return frozenset(os.path.realpath(one.parent) for one in pythons)


def _runs_in(script: Path, directories: frozenset[str]) -> bool:
    interpreter = interpreter_of(script)
    if interpreter is None or not Path(interpreter).name.startswith("python"):
        return False
    return os.path.realpath(Path(interpreter).parent) in directories


def interpreter_of(path: Path) -> str | None:
    """Return the absolute path of the interpreter that a script is run by, if it names one."""
    try:
        with path.open("rb") as stream:
            if stream.read(2) != b"#!":
                return None
            text = stream.read(_ENOUGH).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    if long := _SHELL_FORM.search(text):
        try:
            return shlex.split(long[1])[0]
        except (ValueError, IndexError):
            return None
    words = text.partition("\n")[0].split()
    return words[0] if words and words[0].startswith("/") else None


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
