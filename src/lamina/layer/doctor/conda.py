"""What conda says of a prefix: conda-meta."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lamina._target.probe import normalised

if TYPE_CHECKING:
    from pathlib import Path

_METADATA = re.compile(r"(?:^|/)([^/]+?)-\d[^-/]*?(?:-py[\d.]+)?\.(?:dist|egg)-info(?:/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaPackage:
    """A package that conda has installed."""

    name: str
    version: str
    files: tuple[str, ...]
    """Relative to the prefix."""

    @property
    def python_metadata(self) -> dict[str, str]:
        """Normalised name -> metadata of the Python distributions in it."""
        found = {}
        for path in self.files:
            if match := _METADATA.search(path):
                parts = PurePosixPath(path).parts
                at = next(i for i, one in enumerate(parts) if one.endswith("-info"))
                place = str(PurePosixPath(*parts[: at + 1]))
                found[normalised(match[1])] = place
        return found


def conda_packages(prefix: Path) -> tuple[CondaPackage, ...]:
    """Return what conda has recorded; records that cannot be read are left out."""
    found = []
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            files = tuple(str(one) for one in data.get("files", ()))
            package = CondaPackage(name=data["name"], version=data["version"], files=files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        found.append(package)
    return tuple(found)
