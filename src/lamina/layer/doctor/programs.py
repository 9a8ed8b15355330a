"""The files of a bin directory that name the interpreter they are run by."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_ENOUGH = 1024
_SHELL_FORM = re.compile(r"^'''exec' (.+) \"\$0\"", re.MULTILINE)


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
