"""The shells of this machine for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

SHELLS = ("bash", "zsh", "dash", "tcsh", "fish")
_OPTIONS = {
    "bash": ["--norc", "--noprofile"],
    "zsh": ["-f"],
    "dash": [],
    "tcsh": ["-f"],
    "fish": ["--no-config"],
}


def find_shell(name: str) -> Path:
    """Return a shell; without it, skip here and fail in CI."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI has no {name}")
        pytest.skip(f"no {name} on this machine")
    return Path(found)


@dataclass(frozen=True)
class Shell:
    """A shell that runs lines from a file."""

    name: str
    path: Path

    def run(
        self,
        script: str,
        *,
        environ: Mapping[str, str],
        work: Path,
        expect: int = 0,
        complaint: str = "",
    ) -> str:
        """Run a script, and return what it wrote to standard output.

        ``complaint`` is all that it may write to standard error.
        """
        file = work / f"script.{self.name}"
        file.write_text(script, encoding="utf-8")
        answer = subprocess.run(
            [self.path, *_OPTIONS[self.name], file],
            env=dict(environ),
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert answer.returncode == expect, answer.stdout + answer.stderr
        assert answer.stderr == complaint, answer.stderr
        return answer.stdout

    def activate(self, layer: Path) -> str:
        """Return the line that activates a layer."""
        script = {"tcsh": "activate.csh", "fish": "activate.fish"}.get(self.name, "activate")
        path = str(layer / "bin" / script)
        word = "source" if self.name in {"tcsh", "fish"} else "."
        return f"{word} {self.quoted(path)}"

    def quoted(self, text: str) -> str:
        """Return a word of this shell, by escapes that differ from the program's own quoting."""
        plain = "/._-"
        return "".join(one if one.isalnum() or one in plain else f"\\{one}" for one in text)

    def export(self, name: str, value: str) -> str:
        """Return the line that sets an environment variable."""
        match self.name:
            case "tcsh":
                return f"setenv {name} {self.quoted(value)}"
            case "fish":
                return f"set -gx {name} {self.quoted(value)}"
            case _:
                return f"export {name}={self.quoted(value)}"
