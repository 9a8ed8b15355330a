"""Every error that lamina reports, with its exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class LaminaError(Exception):
    """Something lamina cannot do, said in one sentence, with hints that can be pasted."""

    exit_code: ClassVar[int] = 1
    summary: ClassVar[str] = "general failure"

    def __init__(self, message: str, *, hints: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = tuple(hints)


class UsageError(LaminaError):
    """The command was called in a way that has no meaning."""

    exit_code = 2
    summary = "wrong usage, or what lamina or this machine cannot do"


class NotSupportedError(UsageError):
    """A valid request that this version of lamina cannot carry out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a document: where, what was found, what is allowed."""

    where: str
    """Dotted path inside the document, empty for the document itself."""
    found: str
    allowed: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        if self.allowed:
            text += f"; {self.allowed}"
        if self.suggestion:
            text += f" (did you mean {self.suggestion!r}?)"
        return text


class DocumentError(LaminaError):
    """A document that cannot be accepted; carries every problem found in it."""

    exit_code = 3
    summary = "a document (lamina.toml, lamina.lock, ...) is not valid, missing or stale"

    def __init__(
        self, path: Path | str, problems: Sequence[Problem], *, hints: Sequence[str] = ()
    ) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{path}: {count} problem{'s' if count != 1 else ''}"
        super().__init__("\n".join([head, *(f"  {p}" for p in self.problems)]), hints=hints)


class UnsatisfiableError(LaminaError):
    """No set of packages meets the requirements."""

    exit_code = 4
    summary = "requirements that no set of packages meets, or packages with known vulnerabilities"


class VulnerableError(UnsatisfiableError):
    """Packages that an advisory is about, which nobody has accepted."""


class BuildFailedError(LaminaError):
    """A package did not build, or a release did not pass its tests."""

    exit_code = 5
    summary = "a build or the tests of a release failed"


class IntegrityError(LaminaError):
    """Bytes that are not what was recorded."""

    exit_code = 6
    summary = "content differs from its recorded hash, or an environment is inconsistent"


class ConflictError(LaminaError):
    """Something is in the way: another publisher, an existing release, a foreign directory."""

    exit_code = 7
    summary = "conflict with what is there: another process, an existing release or directory"


class UpstreamUnavailableError(LaminaError):
    """An index, channel, git repository or registry that did not answer."""

    exit_code = 8
    summary = "an index, channel, git repository or registry is unavailable"


class InterruptedByUserError(LaminaError):
    """The user pressed Ctrl-C."""

    exit_code = 130
    summary = "interrupted"


class MissingInterpreterError(LaminaError):
    """No Python of the version asked for."""


class StorageError(LaminaError):
    """The file system refused: full, read-only or not permitted."""


class PackagesLostError(LaminaError):
    """Some of the packages that are to be installed cannot be had; carries why, by their files."""

    def __init__(self, lost: Mapping[str, LaminaError]) -> None:
        self.lost = dict(lost)
        super().__init__(
            "\n".join(f"{file}: {why.message}" for file, why in self.lost.items()),
            hints=list(dict.fromkeys(hint for why in self.lost.values() for hint in why.hints)),
        )


class TookTooLongError(LaminaError):
    """A program did not end in the time that it had."""


class CommandFailedError(LaminaError):
    """A program that lamina called did not succeed; carries the last lines it wrote."""

    def __init__(
        self,
        *,
        program: str,
        returncode: int,
        output: str,
        log: Path | None = None,
        hints: Sequence[str] = (),
    ) -> None:
        self.program = program
        self.returncode = returncode
        self.output = output
        self.log = log
        tail = "\n".join(output.strip().splitlines()[-20:])
        where = f" (whole output: {log})" if log else ""
        super().__init__(
            f"{program} failed with exit code {returncode}{where}\n{tail}", hints=hints
        )


def exit_codes() -> dict[int, str]:
    """Return exit code -> meaning, for the command line's help and the reference."""
    classes = (
        LaminaError,
        UsageError,
        DocumentError,
        UnsatisfiableError,
        BuildFailedError,
        IntegrityError,
        ConflictError,
        UpstreamUnavailableError,
        InterruptedByUserError,
    )
    return {0: "success"} | {cls.exit_code: cls.summary for cls in classes}
