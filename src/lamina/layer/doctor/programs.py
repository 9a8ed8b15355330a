"""The files of a bin directory that name the interpreter they are run by."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lamina.layer.scripts import interpreter_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script, and the interpreter that its first line names by an absolute path."""

    path: Path
    interpreter: str

    @property
    def names_python(self) -> bool:
        """Whether that is a Python."""
        return Path(self.interpreter).name.startswith(("python", "pypy"))


def read_scripts(prefix: Path) -> tuple[Script, ...]:
    """Return the scripts in a prefix's bin directory, links left out.

    What CPython installs for gdb is no script, though it looks like one.
    """
    found = []
    try:
        entries = sorted(os.scandir(prefix / "bin"), key=lambda one: one.name)
    except OSError:
        return ()
    for entry in entries:
        if not entry.is_symlink() and entry.is_file() and not entry.name.endswith("-gdb.py"):
            interpreter = interpreter_of(Path(entry.path))
            if interpreter is not None:
                found.append(Script(path=Path(entry.path), interpreter=interpreter))
    return tuple(found)
