"""Files that two packages claim: after a move, nobody could say which one they were."""

from __future__ import annotations

import base64
import csv
import json
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Claim = tuple[str, str, str]
    """The file's path, the package, and the SHA-256 that it says the file has."""


def check_owners(prefix: Path, *, allow: bool) -> None:
    """Raise ConflictError for a file that two packages have with different contents.

    conda-pack refuses such a prefix as well. ``allow``: warn instead.
    """
    found: dict[str, tuple[str, str]] = {}
    clashes: list[str] = []
    for path, package, digest in claims(prefix):
        before, known = found.setdefault(path, (package, digest))
        if before != package and known != digest:
            clashes.append(f"{path}: both {before} and {package}")
    if not clashes:
        return
    text = f"{prefix}: two packages have put different files at one path\n  " + "\n  ".join(
        clashes[:10]
    )
    if not allow:
        raise ConflictError(text, hints=["--clobbered packs what is there"])
    report.warn(text)


def claims(prefix: Path) -> Iterator[Claim]:
    """Yield the files of packages that say what is in them."""
    yield from _conda_claims(prefix)
    yield from _wheel_claims(prefix)


def _wheel_claims(prefix: Path) -> Iterator[Claim]:
    for record in sorted(prefix.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        site = record.parents[1].relative_to(prefix).parts
        package = record.parent.name.removesuffix(".dist-info")
        with record.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            for row in csv.reader(stream):
                if len(row) > 1 and row[1].startswith("sha256="):
                    yield _inside(row[0], site), package, _hexadecimal(row[1][7:])


def _inside(name: str, site: tuple[str, ...]) -> str:
    """Return a path of a RECORD relative to the prefix, where ``site`` is."""
    parts = list(site)
    for word in name.split("/"):
        if word == ".." and parts:
            parts.pop()
        else:
            parts.append(word)
    return "/".join(parts)


def _hexadecimal(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()


def _conda_claims(prefix: Path) -> Iterator[Claim]:
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        package = f"{document['name']}-{document['version']}"
        for one in document.get("paths_data", {}).get("paths", ()):
            digest = one.get("sha256_in_prefix") or one.get("sha256")
            if digest and one.get("path_type") != "softlink":
                yield str(one["_path"]), package, str(digest)
