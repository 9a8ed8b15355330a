"""What a failed build means: its output in one sentence, with what helps."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lamina.build.wheels.system import hint_for, search_for
from lamina.core.errors import BuildFailedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.core.errors import CommandFailedError, LaminaError

_HEADER = re.compile(r"fatal error: '?([\w./+-]+?)'?(?:: No such file| file not found)")
_LIBRARY = re.compile(
    r"(?:cannot find -l|library not found for -l|unable to find library -l)([\w+.-]+)"
)
_COMPILER = re.compile(
    r"(?:command|unable to execute|error: ) ?'?([\w./+-]*(?:gcc|g\+\+|cc|c\+\+|clang))'?"
    r"(?: failed: No such file|: No such file)|No (CMAKE_\w+)_COMPILER could be found|"
    r"Unknown compiler\(s\): \[\[?'(\w+)'|([Nn]o acceptable C compiler|cc: not found)|"
    r"No such file or directory: '([\w./+-]*(?:gcc|g\+\+|cc|c\+\+|clang|gfortran))'"
)
_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_OUTSIDE = "Read-only file system"
_NETWORK = re.compile(
    r"Temporary failure in name resolution|Network is unreachable|Could not resolve host"
    r"|Name or service not known|getaddrinfo failed|Connection refused"
)
_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_READ = 1 << 20
"""Bytes: what is wrong is at the end."""
_LONGEST = 400
"""Characters of a line that is told."""
_KILLED = re.compile(r"Killed signal terminated|fatal error: Killed|signal 9")


def explain_failure(
    name: str, error: CommandFailedError, log: Path, own: Mapping[str, str], where: Path
) -> LaminaError:
    """Return what a program's failure in a build means.

    ``own``: hints of the stack; ``where``: the directory that it works in.
    """
    what = "its build"
    text = _last_words(log) or error.output
    read = [f"less {shlex.quote(str(log))}"]
    if _FULL.search(text):
        return StorageError(
            f"{name}: {what} found no space left{_free(where)}",
            hints=["free space there, or choose another place with XDG_CACHE_HOME", *read],
        )
    said, hint = _reason(text, error.returncode, own)
    hints = [*([hint] if hint else []), *read]
    return BuildFailedError(f"{name}: {what} failed: {said}", hints=hints)


@contextmanager
def naming(log: Path) -> Iterator[None]:
    """Have every failure of a build name its log, where it does not do so already."""
    try:
        yield
    except BuildFailedError as error:
        if any(str(log) in hint for hint in error.hints):
            raise
        hints = [*error.hints, f"less {shlex.quote(str(log))}"]
        raise type(error)(error.message, hints=hints) from error


def _reason(text: str, code: int, own: Mapping[str, str]) -> tuple[str, str]:
    if found := _HEADER.search(text):
        return f"the header {found[1]} is missing", _hint(found[1], own)
    if found := _LIBRARY.search(text):
        return f"the library {found[1]} is missing", _hint(f"lib{found[1]}", own)
    if found := _COMPILER.search(text):
        word = found[1] or found[3] or found[5] or ("c++" if "CXX" in (found[2] or "") else "gcc")
        return f"there is no compiler {word} here", hint_for(word.rpartition("/")[2], own)
    if code < 0 or _KILLED.search(text):
        return "it was killed, perhaps for want of memory", "[build] jobs = 1 in lamina.toml"
    if where := next((line for line in text.splitlines() if _OUTSIDE in line), ""):
        said = f"it writes outside of its directory: {_clipped(where.strip())}"
        return said, "builds write below $WORK only"
    if found := _NETWORK.search(text):
        return f"it reaches for the network ({found[0]})", "[build] network = true lets it"
    if found := _MODULE.search(text):
        return f"the module {found[1]} is missing", f'add what has it to requires, as "{found[1]}"'
    return last_line(text) or f"exit code {code}", ""


def _hint(needed: str, own: Mapping[str, str]) -> str:
    return hint_for(needed, own) or search_for(needed)


def _free(where: Path) -> str:
    try:
        usage = shutil.disk_usage(where)
    except OSError:
        return ""
    return f": {usage.free / 1e6:.0f} of {usage.total / 1e6:.0f} MB are free in {where}"


def _last_words(log: Path) -> str:
    """Return what the last program wrote, of no more than the end of the log."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _READ))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text[text.rfind("\n$ ") + 1 :]


def _clipped(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def last_line(text: str) -> str:
    """Return the last line that a program wrote of its own."""
    lines = [line.strip() for line in text.splitlines()]
    kept = [re.sub(r"\[exit -?\d+\]$", "", line) for line in lines if not line.startswith("$ ")]
    return _clipped(next((line for line in reversed(kept) if line), ""))
