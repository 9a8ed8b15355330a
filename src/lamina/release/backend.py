"""How the files of a root are changed: as those of any directory, or by what keeps them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lamina.core import fs, report
from lamina.core.durability import flush_file_system

if TYPE_CHECKING:
    from pathlib import Path


class Backend(Protocol):
    """Changes a root; a reader sees all of a change or nothing of it."""

    @property
    def in_place(self) -> bool:
        """Tell whether a change is there once it is made: nothing has to be published."""

    def scratch(self, root: Path) -> Path:
        """Return the directory for releases in the making and for who makes them."""

    def recover(self) -> None:
        """Undo what a killed run left; raises ConflictError while somebody else is at work."""

    def writing(
        self, message: str, *, tag: str = "", like: tuple[Path, Path] | None = None
    ) -> AbstractContextManager[None]:
        """Let the enclosed code change the root, and have it seen afterwards.

        Whatever raises in there, the root is as it was; in it, it has no effect of its own.
        ``tag`` names a change that people come back to, and is patient with others who are at work.
        ``like``: a tree, and where one that hardly differs from it will be put.
        """

    def put(self, stage: Path, prefix: Path) -> None:
        """Put a staged release at its place; within ``writing``."""

    def withdraw(self, prefix: Path, aside: Path) -> Path:
        """Have a release vanish, and return where files are left that nobody sees any more."""


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory of a file system: what is complete is renamed into its place."""

    @property
    def in_place(self) -> bool:
        """Every change is there at once."""
        return True

    def scratch(self, root: Path) -> Path:
        """Return the root itself: one can only rename within a file system."""
        return root

    def recover(self) -> None:
        """Do nothing: what was left is swept."""

    def writing(
        self,
        message: str,  # noqa: ARG002
        *,
        tag: str = "",  # noqa: ARG002
        like: tuple[Path, Path] | None = None,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Do nothing: each step is seen whole."""
        return nullcontext()

    def put(self, stage: Path, prefix: Path) -> None:
        """Rename the stage."""
        with report.step("flushing to disk"):
            flush_file_system(stage)
        fs.rename(stage, prefix)

    def withdraw(self, prefix: Path, aside: Path) -> Path:
        """Rename the release to ``aside``."""
        # A directory that cannot be written to cannot be moved.
        fs.set_mode(prefix, 0o755)
        fs.rename(prefix, aside)
        return aside


DIRECTORY = Directory()
