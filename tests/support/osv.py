"""Advisories and databases of them, as the OSV format says."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Document = dict[str, Any]


def versions_from(first: str, **last: str) -> dict[str, Any]:
    """Return a range from a version up to ``fixed``, ``last_affected`` or ``limit``."""
    events = [{"introduced": first}, *({kind: version} for kind, version in last.items())]
    return {"type": "ECOSYSTEM", "events": events}


def package(
    name: str, *ranges: dict[str, Any], ecosystem: str = "PyPI", **more: Any
) -> dict[str, Any]:
    """Return what an advisory says of one package."""
    about = {"ecosystem": ecosystem, "name": name, "purl": f"pkg:pypi/{name}"}
    return {"package": about, "ranges": list(ranges)} | more


def advisory(
    name: str, *affected: dict[str, Any], aliases: Sequence[str] = (), **more: Any
) -> Document:
    """Return an advisory."""
    return {
        "schema_version": "1.7.3",
        "id": name,
        "modified": "2026-11-01T00:00:00Z",
        "published": "2026-10-01T00:00:00Z",
        "aliases": list(aliases),
        "details": f"What {name} is about.\n\nAt length.",
        "affected": list(affected),
        "references": [{"type": "ADVISORY", "url": f"https://example.org/{name}"}],
    } | more


@dataclass(frozen=True)
class Advisories:
    """A database in a directory."""

    path: Path

    def add(self, *documents: Document) -> None:
        """Write advisories, each into the file of its id."""
        self.path.mkdir(parents=True, exist_ok=True)
        for one in documents:
            (self.path / f"{one['id']}.json").write_text(json.dumps(one), encoding="utf-8")

    def zipped(self, path: Path) -> Path:
        """Write the same database as a zip."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(self.path.rglob("*.json")):
                archive.write(file, file.relative_to(self.path))
        return path
