"""What the metadata of an installed package say of it: licence and home page; and a summary."""

from __future__ import annotations

import email.parser
from collections import Counter
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

UNKNOWN = "unknown"
"""The licence of a package that says nothing that can be used."""
_LONGEST = 60
_SAYS_NOTHING = frozenset({"", "UNKNOWN", "NONE", "LICENSE", "LICENSE.TXT", "SEE LICENSE"})


def read_metadata(path: Path) -> Message:
    """Return the headers of a METADATA file, none of them where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return email.parser.HeaderParser().parse(stream)
    except OSError:
        return Message()


def licence_of(told: Message) -> str:
    """Return the licence that a package says it has.

    Its expression (PEP 639); else its ``License`` where that is a name and no text; else what its
    classifiers say; else the title of the text; else ``unknown``.
    """
    name = _field(told, "License")
    return (
        _field(told, "License-Expression")
        or ("" if "\n" in name or _unusable(name) else name)
        or _classified(told)
        or _title(name)
        or UNKNOWN
    )


def _field(told: Message, name: str) -> str:
    return str(told.get(name) or "").strip()


def _classified(told: Message) -> str:
    """Return the licences of the classifiers, which do not tell whether all or any of them hold."""
    words = (
        line.rpartition("::")[2].strip()
        for line in told.get_all("Classifier", [])
        if line.startswith("License ::")
    )
    return ", ".join(sorted({word for word in words if word != "OSI Approved"}))


def _title(text: str) -> str:
    """Return the first line of a licence's text where it is the licence's name."""
    first = text.splitlines()[0].strip() if text else ""
    return "" if _unusable(first) or first.lower().startswith(("copyright", "(c)")) else first


def _unusable(line: str) -> bool:
    return len(line) > _LONGEST or line.upper() in _SAYS_NOTHING


def home_page_of(told: Message) -> str | None:
    """Return the home page that a package names, None where it names none."""
    found = (address for address in _home_pages(told) if _is_address(address))
    return next(found, None)


def _home_pages(told: Message) -> Iterator[str]:
    """Yield what may be one: labels are compared as the specification of their names says."""
    for line in told.get_all("Project-URL", []):
        label, _, address = line.partition(",")
        if "".join(one for one in label.lower() if one.isalnum()) == "homepage":
            yield address.strip()
    yield _field(told, "Home-page")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    whole = text.isascii() and text.isprintable() and " " not in text
    return (
        whole and parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username
    )


def summary_of(licences: Iterable[str]) -> dict[str, int]:
    """Return how many packages are under each licence, by its name, the unknown last."""
    counted = Counter(licences)
    return {one: counted[one] for one in sorted(counted, key=lambda one: (one == UNKNOWN, one))}
