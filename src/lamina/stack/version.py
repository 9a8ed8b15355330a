"""The version of a stack's next release: as written, or counted from git's tags.

Counted as setuptools-scm does by default ("guess-next-dev" and "node-and-date"), so that a stack
and the packages beside it are numbered alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from packaging.version import InvalidVersion, Version

from lamina.core.errors import LaminaError
from lamina.model.versions import ReleaseVersion, parse_release_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from lamina.model.revisions import Revision
    from lamina.stack.document import Stack

# v1.2.0, 1.2.0, hep-analysis-1.2.0
_TAG = re.compile(r"(?:[\w-]+-)?(?P<version>[vV]?\d+(?:\.\d+){0,2}[^+]*(?:\+.*)?)")
_COMMIT_LENGTH = 9


class History(Protocol):
    """Tells where a working copy stands; ``engines.git`` asks git."""

    def revision(self, directory: Path) -> Revision:
        """Return the revision of a directory; raises LaminaError when there is none."""


def resolve_version(
    stack: Stack, directory: Path, *, history: History, clock: Callable[[], datetime]
) -> ReleaseVersion:
    """Return the version of the release that a stack in ``directory`` makes.

    Raises LaminaError when it is to come from git and there is no repository or no fitting tag.
    """
    if stack.stack.version.literal is not None:
        return stack.stack.version.literal
    return count_version(history.revision(directory), today=clock())


def count_version(revision: Revision, *, today: datetime) -> ReleaseVersion:
    """Return ``1.2.0`` on the tag and ``1.2.1.dev3+gabc123456`` three commits later.

    A working copy that differs from its commit adds the day, ``.d20261101``: its version is never
    that of a commit.
    """
    tag, written = _version_of_tag(revision.tag)
    if revision.distance == 0 and not revision.dirty:
        return parse_release_version(written)
    local = f"g{revision.commit[:_COMMIT_LENGTH]}"
    if revision.dirty:
        local += f".d{today:%Y%m%d}"
    return parse_release_version(f"{_next(tag)}.dev{revision.distance}+{local}")


def _version_of_tag(tag: str) -> tuple[Version, str]:
    """Return the version in a tag, and as it is written there (2026.07.1 keeps its zero)."""
    found = _TAG.fullmatch(tag)
    try:
        written = found["version"].lstrip("vV") if found else tag
        return Version(written), written
    except InvalidVersion:
        raise LaminaError(
            f"the tag {tag!r} has no PEP 440 version in it",
            hints=["git tag v1.0.0", f"git tag --delete {tag}"],
        ) from None


def _next(tag: Version) -> str:
    """Return the version that the tag's successor will have, by its last number."""
    public = tag.public
    if tag.dev is not None:
        if tag.dev != 0:
            raise LaminaError(
                f"the tag {public} cannot be counted from: its successor is not known",
                hints=["tag the commit with a version that has no .dev part, or with .dev0"],
            )
        return public.rpartition(".dev")[0]
    head, number = re.fullmatch(r"(.*?)(\d+)", public).groups()  # type: ignore[union-attr]
    return f"{head}{int(number) + 1}"
