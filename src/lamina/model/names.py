"""Names that become paths or keys, validated once at the edge."""

from __future__ import annotations

import re
from typing import NewType

from packaging.utils import NormalizedName, canonicalize_name

PackageName = NormalizedName
"""A distribution's name, normalised as the PyPA specification says."""
StackName = NewType("StackName", str)
TierName = NewType("TierName", str)
IndexName = NewType("IndexName", str)

PUBLIC_INDEX = IndexName("pypi")
"""The index that this machine's uv or pip is configured with."""

GIT_INDEX = IndexName("git")
PATH_INDEX = IndexName("path")
OF_NO_INDEX = frozenset({GIT_INDEX, PATH_INDEX})
"""Stand where a package names its index: it comes from a git revision or a path instead."""

_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SIMPLE = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
SIMPLE_RULE = "lower-case letters, digits and ._- between them, at most 64 characters"


def parse_package_name(text: str) -> PackageName:
    """Return the normalised name; raises ValueError on what PEP 508 does not allow."""
    if not _PACKAGE.fullmatch(text):
        raise ValueError(f"{text!r} is not a package name")
    return canonicalize_name(text)


def _simple(text: str, what: str) -> str:
    if not _SIMPLE.fullmatch(text) or len(text) > 64:
        raise ValueError(f"{text!r} is not {what} name: {SIMPLE_RULE}")
    return text


def parse_stack_name(text: str) -> StackName:
    """Return a stack's name, safe as a path component; raises ValueError otherwise."""
    return StackName(_simple(text, "a stack"))


def parse_tier_name(text: str) -> TierName:
    """Return a tier's name, safe as a path component; raises ValueError otherwise."""
    return TierName(_simple(text, "a tier"))


def parse_index_name(text: str) -> IndexName:
    """Return an index's name; raises ValueError otherwise."""
    return IndexName(_simple(text, "an index"))
