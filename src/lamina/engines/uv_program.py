"""uv as a program: how it is found, called and understood when it fails."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core.errors import (
    BuildFailedError,
    CommandFailedError,
    IntegrityError,
    LaminaError,
    StorageError,
    UnsatisfiableError,
    UpstreamUnavailableError,
)
from lamina.core.run import Completed, base_environment, run
from lamina.engines.index_settings import CREDENTIALS_HINT, configured_index

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UvProgram:
    """uv with this machine's index, proxy and certificate settings and nothing else of them."""

    environ: Mapping[str, str]
    log: Path | None = None
    """Everything uv says is appended here."""
    default_index: str | None = None
    """Address of the default index, in place of the one that this machine is configured with."""
    interpreter: Mapping[str, str] = field(default_factory=dict)
    """Variables that the interpreter needs that uv asks, such as LD_LIBRARY_PATH."""

    def call(self, *arguments: str | Path, cwd: Path | None = None) -> Completed:
        """Run uv and return what it answered.

        Raises UnsatisfiableError, UpstreamUnavailableError, IntegrityError, BuildFailedError or
        StorageError by what uv says went wrong, CommandFailedError for all else.
        """
        import uv

        argv = [uv.find_uv_bin(), *arguments, "--no-config", "--no-progress", "--color", "never"]
        try:
            return run(argv, env=self.variables(), cwd=cwd, log=self.log)
        except CommandFailedError as error:
            meant = translate(error)
            if meant is error:
                raise
            raise meant from error

    def variables(self) -> dict[str, str]:
        """Return the environment that uv gets: one index, and no download of a Python unasked."""
        env = base_environment(self.environ)
        env.pop("UV_INDEX_URL", None)
        if address := self.default_index or configured_index(self.environ):
            env["UV_DEFAULT_INDEX"] = address
        env.setdefault("UV_PYTHON_DOWNLOADS", "never")
        return env | dict(self.interpreter)


_KINDS: tuple[tuple[type[LaminaError], str], ...] = (
    (IntegrityError, r"[Hh]ash mismatch|Size mismatch"),
    (StorageError, r"No space left on device|Read-only file system|Disk quota exceeded"),
    (
        UpstreamUnavailableError,
        (
            r"error sending request|Request failed after|[Nn]etwork (?:connectivity is )?disabled"
            r"|Failed to fetch|dns error|HTTP status server error"
        ),
    ),
    (IntegrityError, r"Invalid zip file structure|Archive contains unacceptable"),
    (
        BuildFailedError,
        (
            r"Failed to (?:download and )?build|build backend returned an error|Failed to install"
            r"|Failed to extract|`?RECORD`? file is invalid|Package metadata (?:name|version)"
            r"|failed to open file .*\.dist-info|does not match package"
        ),
    ),
    (UnsatisfiableError, r"No solution found|unsatisfiable"),
)


def translate(error: CommandFailedError) -> LaminaError:
    """Return uv's failure as the error that it means, with uv's words shortened.

    What was left out is in the log, which the hint names.
    """
    if "network was disabled" in error.output:
        return _offline(error)
    for kind, pattern in _KINDS:
        if re.search(pattern, error.output):
            hints = [*error.hints, *_about_credentials(error.output)]
            hints += _log_hints(error)
            return kind(_first_words(error.output), hints=hints)
    return error


def _offline(error: CommandFailedError) -> UpstreamUnavailableError:
    """Return what uv calls unsatisfiable, though nobody has asked the index."""
    names = dict.fromkeys(re.findall(r"(\S+) was not found in the cache", error.output))
    what = ", ".join(names) or "something that is needed"
    return UpstreamUnavailableError(
        f"{what}: not in uv's cache, and UV_OFFLINE forbids to ask the index",
        hints=["unset UV_OFFLINE", *_log_hints(error)],
    )


def _log_hints(error: CommandFailedError) -> list[str]:
    return [f"less {shlex.quote(str(error.log))}"] if error.log else []


def _first_words(output: str) -> str:
    """Return uv's first error with its causes, without hints and build output."""
    lines = [line.strip() for line in output.splitlines()]
    kept = [line for line in lines if re.match(r"(error|cause):", line)]
    return "\n".join(kept[:5]).removeprefix("error: ") or output.strip()


def _about_credentials(output: str) -> list[str]:
    refused = re.search(r"\b40[13] (?:Unauthorized|Forbidden)", output)
    return [CREDENTIALS_HINT] if refused else []
