"""The program ``cvmfs_server`` of a stratum 0: transactions on the repositories of this machine.

Facts about it are from CVMFS 2.12, observed and read. Its daemons keep the streams they inherit
open, so none of ours is given to it (``core.run`` uses files). It passes messages on through a
shell, without quotes.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from lamina.core.errors import ConflictError, LaminaError, UsageError
from lamina.core.run import Completed, base_environment, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = "cvmfs_server"
SPELLING = "cvmfs:"
"""How a root in a repository begins, where a person writes it: ``cvmfs:REPOSITORY/PATH``."""

State = Literal["closed", "open", "unhealthy"]
"""Whether a transaction is open; unhealthy: what was publishing it has died."""

_SECONDS = 600.0
"""Opening takes a tenth of a second, with a template about one."""
_LISTED = re.compile(r"(?P<name>[\w.-]+) \((?P<kind>\w+) / (?P<rest>[^)]*)\)")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_OPEN_ALREADY = 17


class _Meaning(NamedTuple):
    error: type[LaminaError]
    sentence: str
    hint: str


_REFUSALS = {
    1: _Meaning(
        LaminaError,
        "the transaction is refused",
        "only the owner of a repository may change it: see CVMFS_USER in its server.conf",
    ),
    2: _Meaning(LaminaError, "a directory that it is about is not there", "cvmfs_server check"),
    5: _Meaning(LaminaError, "the transaction did not start", "cvmfs_server check"),
    16: _Meaning(
        ConflictError,
        "the gateway has given the path to another publisher",
        "wait until the other one is done, then run it again",
    ),
    _OPEN_ALREADY: _Meaning(
        ConflictError,
        "somebody else has a transaction open",
        "wait until it is published or aborted, then run it again",
    ),
    20: _Meaning(LaminaError, "what should be a directory there is none", "cvmfs_server check"),
    22: _Meaning(
        LaminaError,
        "its whitelist has expired, or what is to be made by a template is there already",
        "cvmfs_server resign",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CvmfsServer:
    """One repository of this machine, as ``cvmfs_server`` sees it."""

    repository: str
    environ: Mapping[str, str]
    log: Path | None = None

    def state(self) -> State:
        """Return whether a transaction is open, whosever it is.

        Raises UsageError where this machine has no ``cvmfs_server``, or it does not know the
        repository as one to publish into.
        """
        answer = self._checked("list", last=True)
        known = {one["name"]: one for one in _LISTED.finditer(answer.stdout)}
        there = sorted(name for name, one in known.items() if one["kind"] == "stratum0")
        if self.repository not in there:
            raise UsageError(
                f"{self.repository}: no repository that this machine publishes; there is: "
                + (", ".join(there) or "none"),
                hints=["run it on the machine of the stratum 0: cvmfs_server list"],
            )
        said = known[self.repository]["rest"]
        if "in transaction" not in said:
            return "closed"
        return "unhealthy" if "unhealthy" in said else "open"

    def tags(self) -> frozenset[str]:
        """Return the names that are taken."""
        answer = self._checked("tag", "-l", "-x", self.repository)
        lines = answer.stdout.splitlines()
        return frozenset(line.split()[0] for line in lines if line.strip())

    def transaction(self, *, template: tuple[str, str] | None = None) -> None:
        """Open a transaction; with a template, what the first path has is cloned to the second.

        Paths are relative to the repository. Whoever has one open is not waited for. Raises
        ConflictError for that, LaminaError for any other refusal. It cannot be interrupted, so that
        its answer is known.
        """
        words = ["-T", f"/{template[0]}=/{template[1]}"] if template else []
        answer = self._call("transaction", *words, self.repository, last=True)
        if answer.returncode == 0:
            return
        meaning = _REFUSALS.get(answer.returncode) or _REFUSALS[5]
        message = f"{self.repository}: {meaning.sentence}"
        raise meaning.error(_with_answer(message, answer), hints=[meaning.hint])

    def publish(self, *, tag: str | None, message: str) -> None:
        """Publish what the transaction has; when it fails, the transaction stays open.

        Files that are open for reading are not waited for. Raises CommandFailedError.
        """
        named = [] if tag is None else ["-a", tag]
        self._checked("publish", "-f", *named, "-m", plain(message), self.repository)

    def abort(self) -> None:
        """Discard the transaction that is open, whosever it is; raises CommandFailedError."""
        self._checked("abort", "-f", self.repository, last=True)

    def _checked(self, *words: str, last: bool = False) -> Completed:
        answer = self._call(*words, last=last)
        if answer.returncode != 0:
            message = f"cvmfs_server {words[0]} {self.repository}: exit code {answer.returncode}"
            raise LaminaError(_with_answer(message, answer), hints=self._hints())
        return answer

    def _hints(self) -> Sequence[str]:
        return [f"less {self.log}"] if self.log else []

    def _call(self, *words: str, last: bool = False) -> Completed:
        program = shutil.which(PROGRAM, path=self.environ.get("PATH"))
        if program is None:
            raise UsageError(
                f"{self.repository}: there is no {PROGRAM} on PATH, and a repository is changed "
                "by it alone",
                hints=["run it on the machine of the stratum 0"],
            )
        return run(
            [program, *words],
            env=base_environment(self.environ) | {"LC_ALL": "C"},
            cwd=Path("/"),  # It refuses to publish a tree that somebody stands in.
            timeout=_SECONDS if last else None,
            log=self.log,
            check=False,
            last=last,
        )


def _with_answer(message: str, answer: Completed) -> str:
    said = (answer.stderr.strip() or answer.stdout.strip()).splitlines()
    return "\n".join([message, *(f"  {line}" for line in said[-5:])])


def plain(text: str) -> str:
    """Return a message without what a shell, or a program that reads options, would act on."""
    words = re.sub(r"[^\w.,:/@+= -]", " ", text, flags=re.ASCII).split()
    return " ".join(word.lstrip("-") for word in words if word.strip("-")) or "lamina"


def tag_of(name: str, taken: frozenset[str]) -> str:
    """Return a tag that is like ``name``, and not taken."""
    tag = re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)
    numbered = (f"{tag}-{number}" for number in range(2, len(taken) + 3))
    return next(one for one in (tag, *numbered) if one not in taken)


def mount_point(environ: Mapping[str, str]) -> Path:
    """Return where repositories are mounted: /cvmfs, or what LAMINA_CVMFS says."""
    return Path(environ.get("LAMINA_CVMFS") or "/cvmfs")


def path_of(text: str, environ: Mapping[str, str]) -> Path:
    """Return the path that ``cvmfs:REPOSITORY/PATH`` stands for; raises UsageError."""
    repository, _, inside = text.removeprefix(SPELLING).partition("/")
    parts = [part for part in inside.split("/") if part]
    if not _REPOSITORY.fullmatch(repository) or {".", ".."} & set(parts):
        raise UsageError(
            f"{text!r} is no root in CVMFS", hints=["write it as cvmfs:REPOSITORY/PATH"]
        )
    return mount_point(environ).joinpath(repository, *parts)


def repository_of(path: Path, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the repository that a path is in and what follows; None where it is in none."""
    top = mount_point(environ)
    if not path.is_relative_to(top) or path == top:
        return None
    repository, *inside = path.relative_to(top).parts
    return repository, "/".join(inside)
