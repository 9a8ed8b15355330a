"""Write the final prefix into what an installer wrote with the staging directory's path."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core import fs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

LONGEST_SHEBANG = 127
"""In bytes; older kernels cut the line there (execve(2), BINPRM_BUF_SIZE)."""

_TRAMPOLINE = re.compile(rb"#!/bin/sh\n'''exec' (?P<words>[^\n]*) \"\$0\" \"\$@\"\n' '''\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocation:
    """From where a tree is built to where it will be, both in one root."""

    stage: Path
    final: Path

    def text(self, data: bytes) -> bytes:
        """Return the content with the final path instead of the stage's.

        Only what follows the root is replaced: names that are written alike however a path with
        blanks, quotes or other letters was quoted.
        """
        root = os.path.commonpath([self.stage, self.final])
        old, new = (os.fsencode(os.path.relpath(one, root)) for one in (self.stage, self.final))
        return data.replace(old, new)

    def script(self, data: bytes) -> bytes:
        """Return a script that the kernel can start: its first line as installers write it."""
        words, rest = self._interpreter(data)
        return shebang([self.text(word) for word in words]) + self.text(rest)

    def _interpreter(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return the command that a script asks for, and the script without those lines.

        The command is empty where it is not in the stage.
        """
        here = os.fsencode(self.stage)
        if found := _TRAMPOLINE.match(data):
            words = [os.fsencode(word) for word in shlex.split(os.fsdecode(found["words"]))]
            return words, data[found.end() :]
        if data.startswith(b"#!" + here):
            line, _, rest = data.partition(b"\n")
            program, *options = line[2 + len(here) :].split()
            return [here + program, *options], rest
        return [], data


def shebang(words: Sequence[bytes]) -> bytes:
    """Return the first lines of a script: through ``/bin/sh`` where the kernel cannot do it."""
    if not words:
        return b""
    plain = b"#!" + b" ".join(words) + b"\n"
    if len(words) <= 2 and len(plain) <= LONGEST_SHEBANG and not re.search(rb"\s", words[0]):
        return plain
    command = b" ".join(map(_quoted, words))
    return b"#!/bin/sh\n'''exec' " + command + b" \"$0\" \"$@\"\n' '''\n"


def _quoted(word: bytes) -> bytes:
    quoted = os.fsencode(shlex.quote(os.fsdecode(word)))
    return quoted if quoted.startswith(b"'") else b"'" + quoted + b"'"


def relocate_scripts(relocation: Relocation) -> list[str]:
    """Rewrite the scripts of a stage and the records that list them; return their names."""
    stage = relocation.stage
    changed: dict[str, bytes] = {}
    for script in sorted((stage / "bin").iterdir()):
        if script.is_symlink() or not script.is_file():
            continue
        data = script.read_bytes()
        if relocation.text(data) == data:
            continue
        changed[script.name] = relocation.script(data)
        fs.write_bytes(
            script, changed[script.name], mode=script.stat().st_mode & 0o777, durable=False
        )
    if changed:
        _update_records(stage, changed)
    return sorted(changed)


def _update_records(stage: Path, changed: dict[str, bytes]) -> None:
    """Keep hash and size in each RECORD true (binary distribution format, PEP 376)."""
    lines = {f"../../../bin/{name}": _record_line(name, data) for name, data in changed.items()}
    for record in sorted(stage.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        old = record.read_text(encoding="utf-8")
        new = "".join(_replaced(old.splitlines(keepends=True), lines))
        if new != old:
            fs.write_text(record, new, durable=False)


def _replaced(old: Iterable[str], lines: dict[str, str]) -> Iterator[str]:
    for line in old:
        yield lines.get(line.rsplit(",", 2)[0].strip('"'), line)


def _record_line(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    path = f"../../../bin/{name}"
    field = f'"{path}"' if "," in path else path
    return f"{field},sha256={digest},{len(data)}\n"
