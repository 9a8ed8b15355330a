"""Where a working copy stands in the history of its repository."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The commit that is checked out, counted from the nearest tag that has a digit."""

    tag: str
    distance: int
    """Commits since the tag."""
    commit: str
    """The whole hexadecimal name of the commit."""
    dirty: bool
    """Files under version control differ from the commit."""
