"""Where a package comes from that is of no index: repositories, revisions, paths."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

_SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP_LIKE = re.compile(r"[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:(?!/?/)[^\s:]+")
"""``git@host:group/name.git``, which is ssh."""
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BAD_IN_REVISIONS = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]|\.\.|@\{|//|^[-/.]|[/.]$|\.lock$")
"""What git allows in no name (git check-ref-format)."""
ReferenceKind = Literal["rev", "tag", "branch"]
REFERENCES: tuple[ReferenceKind, ...] = ("rev", "tag", "branch")


def check_repository(text: str) -> str:
    """Return the address of a repository; raises ValueError, without repeating credentials."""
    if _SCP_LIKE.fullmatch(text):
        return text
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018
    except ValueError:
        raise ValueError("not the address of a git repository") from None
    place = parts.path if parts.scheme == "file" else parts.netloc
    if parts.scheme not in _SCHEMES or not place or re.search(r"[\s\x00]", text):
        raise ValueError("not the address of a git repository: write an https, ssh or file URL")
    if parts.password is not None or (parts.username and parts.scheme != "ssh"):
        raise ValueError(
            "has credentials, which everybody who sees this file would have too; leave them to"
            " git's credential helper or ~/.netrc"
        )
    if parts.query or parts.fragment:
        raise ValueError("an address with a query or fragment; revisions have keys of their own")
    return text


def check_revision(text: str) -> str:
    """Return the name of a revision; raises ValueError for what git takes for something else."""
    if not text or text == "@" or _BAD_IN_REVISIONS.search(text):
        raise ValueError(f"{text!r} is not the name of a revision, such as 'v1.4' or a commit")
    return text


def check_commit(text: str) -> str:
    """Return the full name of a commit; raises ValueError."""
    if not _COMMIT.fullmatch(text):
        raise ValueError(f"{text!r} is not the full name of a commit")
    return text


def is_commit(text: str) -> bool:
    """Tell whether a revision is the full name of a commit, which is never another."""
    return _COMMIT.fullmatch(text) is not None


def check_inside(text: str) -> str:
    """Return a relative path in its shortest form; raises ValueError where it leads elsewhere."""
    short = posixpath.normpath(text) if text else ""
    if not short or "\0" in text or "\\" in text or short.startswith(("/", "..")):
        raise ValueError(f"{text!r} is not a path below this directory, such as 'vendor/x'")
    return short


RepositoryField = Annotated[str, AfterValidator(check_repository)]
RevisionField = Annotated[str, AfterValidator(check_revision)]
CommitField = Annotated[str, AfterValidator(check_commit)]
InsideField = Annotated[str, AfterValidator(check_inside)]
