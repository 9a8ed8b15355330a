"""The program, run inside the test's process."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.cli.app import cli
from lamina.cli.edge import exit_code_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command printed and its exit code."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output."""
        return json.loads(self.stdout)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """Runs ``lamina`` commands in a directory."""

    directory: Path
    environ: dict[str, str]

    def __call__(self, *arguments: str | Path, expect: int = 0) -> Answer:
        """Run a command, and fail unless it exits with ``expect``."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = exit_code_of(cli, [str(one) for one in arguments])
        answer = Answer(exit_code=code, stdout=out.getvalue(), stderr=err.getvalue())
        assert code == expect, f"exit {code}\n{answer.stdout}\n{answer.stderr}"
        return answer

    def write(self, name: str, text: str) -> Path:
        """Write a file into the directory."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path
