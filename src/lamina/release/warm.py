"""Read what a release's programs need at their start, before they ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core.errors import CommandFailedError, IntegrityError, UsageError
from lamina.core.run import base_environment, run
from lamina.release.root import INTERNAL
from lamina.release.start_index import INDEX_NAME, READER_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.release.root import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmed:
    """What was read."""

    files: int
    bytes: int


def warm(release: Release, *, environ: Mapping[str, str]) -> Warmed:
    """Read the byte code, libraries and data that importing what the stack tests needs.

    After that, it is in the memory of this machine, and in the cache of its network file system.
    Raises UsageError for a release without a start-up index, IntegrityError for a damaged one.
    """
    prefix = release.prefix
    patterns = ("python/lib*/python3.*", "lib/python3.*/site-packages")
    readers = [path for one in patterns for path in prefix.glob(f"{one}/{READER_NAME}")]
    if not readers:
        raise UsageError(
            f"{release.name} has no start-up index: it was published by an older lamina"
        )
    python, index = prefix / "bin" / "python", prefix / INTERNAL / INDEX_NAME
    words: tuple[str | Path, ...] = (python, "-I", "-S", "-B", readers[0], index)
    try:
        told = run(words, env=base_environment(environ)).stdout
    except CommandFailedError as error:
        raise IntegrityError(
            f"{release.name}: its start-up index cannot be read",
            hints=[f"lamina release verify {release.name}"],
        ) from error
    files, count = (int(word) for word in told.split())
    return Warmed(files=files, bytes=count)
