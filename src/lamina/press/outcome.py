"""What became of one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """A shared library of another package that a wheel has taken in."""

    library: str
    """Its name before."""
    file: str
    """Its place in the wheel."""
    package: str
    """The conda package that it is of: NAME-VERSION-BUILD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """A file that was made of another."""

    source: Path
    archive: Path
    kind: str
    """A conda package's subdirectory, or a wheel's tag."""
    needs: tuple[str, ...]
    """MatchSpecs, or requirements of PEP 508."""
    constrains: tuple[str, ...] = ()
    bundled: tuple[Bundled, ...] = ()
    conda_only: tuple[str, ...] = ()
    """Dependencies of a conda package that its wheel does not name."""
    warnings: tuple[str, ...] = ()

    def as_json(self, target: Path) -> dict[str, Any]:
        """Return what ``--json`` prints, of a file that goes to ``target``."""
        return {
            "from": str(self.source),
            "to": str(target),
            "kind": self.kind,
            "needs": list(self.needs),
            "constrains": list(self.constrains),
            "bundled": [
                {"library": one.library, "file": one.file, "package": one.package}
                for one in self.bundled
            ],
            "conda-only": list(self.conda_only),
            "warnings": list(self.warnings),
        }
