"""git repositories as other files write them: ``git+https://host/x.git@v1#subdirectory=python``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from packaging.utils import canonicalize_name

from lamina.model.sources import check_inside, check_repository, check_revision

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_ARCHIVE = re.compile(
    r"(https://(?:github\.com|(?P<gitlab>gitlab\.[^/\s]+))(?:/[^/\s]+){2,}?)(?:/-)?/archive/"
    r"(?:refs/(?P<kind>tags|heads)/)?(?P<name>[^\s?#]+?)\.(?:tar\.gz|tgz|zip)"
)
_KINDS = {"tags": "tag", "heads": "branch"}


def read_git_reference(text: str) -> dict[str, str] | None:
    """Return the fields of [packages] for a repository, None for another address.

    The revision may be a tag, a branch or a commit: only the repository knows. cmsdist's own way,
    ``git+https://host/x.git?obj=branch/commit``, is read too. Raises ValueError.
    """
    if found := _ARCHIVE.fullmatch(text):
        name = unquote(found["name"])
        if found["gitlab"] and "/" in name:
            name = name.rpartition("/")[0]  # What follows is how the file is called there.
        kind = _KINDS.get(found["kind"], "rev")
        return {"git": f"{found[1]}.git", kind: check_revision(name)}
    if not text.startswith("git+"):
        return None
    parts = urlsplit(text.removeprefix("git+"))
    path, _, revision = parts.path.partition("@")
    asked = parse_qs(parts.query)
    if not revision and "obj" in asked:
        revision = asked["obj"][0].rpartition("/")[2]
    fields = {"git": check_repository(urlunsplit((parts.scheme, parts.netloc, path, "", "")))}
    if revision:
        fields["rev"] = check_revision(unquote(revision))
    if where := parse_qs(parts.fragment).get("subdirectory"):
        fields["subdirectory"] = check_inside(where[0])
    return fields


def name_in(text: str) -> str:
    """Return name and extras of a package in ``git+https://h/x.git#egg=name[a]``; empty: none."""
    egg = parse_qs(urlsplit(text).fragment).get("egg", [""])[0]
    return re.split(r"[<>=!~;\s]", egg, maxsplit=1)[0]


def without_address(requirement: Requirement) -> tuple[str, dict[str, str] | None]:
    """Return the normalised name of a requirement, and the fields of its repository if it has one.

    The address is taken off. Raises ValueError.
    """
    fields = read_git_reference(requirement.url or "")
    if fields is not None:
        requirement.url = None
    return canonicalize_name(requirement.name), fields
