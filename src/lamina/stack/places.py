"""What ``lamina add`` is given: requirements, and packages that come from a place of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from lamina.core.errors import UsageError
from lamina.core.run import redact
from lamina.stack.git_references import name_in, read_git_reference

if TYPE_CHECKING:
    from collections.abc import Iterable

_REMOTE = re.compile(r"(?!file:)[a-z+]+://|(?:[\w.-]+@)?[\w.-]+:(?!/)")
"""An address, or what ssh takes for one: ``git@host:group/name.git``."""
PACKAGE_FILES = (".whl", ".tar.gz", ".zip")
_HINTS = (
    "lamina add 'numpy>=2,<3' 'pyhf[minuit]'",
    "lamina add 'ours @ git+https://git.example.org/ours.git@v1.4' ./vendor/mine",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A git repository or a path that a package is to be taken from, as a person wrote it."""

    text: str
    requirement: Requirement | None
    """The package, without its address; None: its sources say which it is."""
    repository: dict[str, str] | None = None
    """The fields of a git repository."""
    path: str = ""
    """The path, or a file URL, of what is in none."""


def parse_asked(texts: Iterable[str]) -> tuple[tuple[Requirement, ...], tuple[Place, ...]]:
    """Read what a command is to add; raises UsageError that names everything that is neither."""
    requirements: list[Requirement] = []
    places: list[Place] = []
    bad: list[str] = []
    for text in texts:
        try:
            one = _parsed(text.strip())
        except ValueError as error:
            bad.append(f"{redact(text)!r}: {error}")
            continue
        if isinstance(one, Place):
            places.append(one)
        else:
            requirements.append(one)
    if bad:
        count = f"{len(bad)} requirement{'s' if len(bad) > 1 else ''}"
        lines = [f"{count} cannot be read", *(f"  {line}" for line in bad)]
        raise UsageError("\n".join(lines), hints=_HINTS)
    return tuple(requirements), tuple(places)


def _parsed(text: str) -> Requirement | Place:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        is_place = "/" in text or text.startswith(".") or text.endswith(PACKAGE_FILES)
        if " @ " in text or not is_place:
            raise ValueError(str(error).splitlines()[0]) from error
        return _place(text, text, _named(text))
    if not requirement.url:
        if text.endswith(PACKAGE_FILES):  # Which are names of packages too.
            return _place(text, text, None)
        return requirement
    address, requirement.url = requirement.url, None
    return _place(text, address, requirement)


def _named(address: str) -> Requirement | None:
    """Return the package that ``#egg=`` in an address names."""
    name = name_in(address) if address.startswith("git+") else ""
    return Requirement(name) if name else None


def _place(text: str, address: str, requirement: Requirement | None) -> Place:
    """Return where an address leads; raises ValueError for what is neither git nor a path."""
    repository = read_git_reference(address)
    if repository is not None:
        return Place(text=text, requirement=requirement, repository=repository)
    if _REMOTE.match(address):
        raise ValueError(
            "write git+ before the address of a git repository: git+https://, git+ssh://"
        )
    return Place(text=text, requirement=requirement, path=address)
