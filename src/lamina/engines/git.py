"""git as a program: where a working copy stands in its history."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core.errors import LaminaError
from lamina.core.run import Completed, base_environment, run
from lamina.model.revisions import Revision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_DESCRIPTION = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+)(?P<dirty>-dirty)?")
_DESCRIBE = ("describe", "--dirty", "--tags", "--long", "--abbrev=40", "--match", "*[0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitProgram:
    """git with this machine's settings, but nothing that points it at another repository."""

    environ: Mapping[str, str]

    def revision(self, directory: Path) -> Revision:
        """Return the revision of a directory.

        Raises LaminaError when there is no git, no repository, no commit or no tag with a digit.
        """
        answer = self._call(directory, *_DESCRIBE)
        found = _DESCRIPTION.fullmatch(answer.stdout.strip())
        if answer.returncode != 0 or found is None:
            raise _explained(directory, answer)
        return Revision(
            tag=found["tag"],
            distance=int(found["distance"]),
            commit=found["commit"],
            dirty=found["dirty"] is not None,
        )

    def _call(self, directory: Path, *arguments: str) -> Completed:
        program = shutil.which("git", path=self.environ.get("PATH"))
        if program is None:
            raise LaminaError(
                "the version comes from git, and there is no git on PATH",
                hints=["install git, or write stack.version out: version = '1.0.0'"],
            )
        # Messages in English, and no lock taken: the working copy may be read-only.
        settings = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        env = base_environment(self.environ) | settings
        return run([program, "-C", directory, *arguments], env=env, check=False)


def _explained(directory: Path, answer: Completed) -> LaminaError:
    """Return what git's refusal means."""
    said = answer.stderr.strip()
    if "not a git repository" in said:
        return LaminaError(
            f"{directory}: the version comes from git, and this is no git repository",
            hints=["git init", "or write stack.version out: version = '1.0.0'"],
        )
    if re.search(r"No names found|No tags can describe|No annotated tags", said):
        return LaminaError(
            f"{directory}: the version comes from git, and no tag before this commit has one",
            hints=["git tag v0.1.0", "git fetch --tags --unshallow"],
        )
    if re.search(r"Not a valid object name HEAD|bad revision 'HEAD'", said):
        return LaminaError(
            f"{directory}: the version comes from git, and there is no commit yet",
            hints=["git commit", "git tag v0.1.0"],
        )
    return LaminaError(f"{directory}: git cannot tell the version\n{said}")
