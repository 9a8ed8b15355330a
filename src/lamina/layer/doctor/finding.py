"""What is wrong with an environment, said so that it can be mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lamina.layer.doctor.patient import Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of finding."""

    name: str
    """Stable: scripts and ``--ignore`` rely on it."""
    why: str
    """One sentence: what it does to whoever works in the environment."""

    def found(self, what: str, mend: str, *places: object) -> Finding:
        """Return a finding of this kind; ``places`` are the files and directories concerned."""
        return Finding(kind=self, what=what, mend=mend, places=tuple(map(str, places)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong."""

    kind: Kind
    what: str
    mend: str
    """A command that can be pasted."""
    places: tuple[str, ...] = ()

    def value(self) -> dict[str, Any]:
        """Return the finding as a JSON value."""
        return {
            "kind": self.kind.name,
            "what": self.what,
            "why": self.kind.why,
            "mend": self.mend,
            "places": list(self.places),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One kind with the function that finds it."""

    kind: Kind
    find: Callable[[Patient], Iterator[Finding]]


def several(count: int, what: str) -> str:
    """Return a count with its noun: ``1 file``, ``2 files``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def listed(names: list[str], most: int = 4) -> str:
    """Return the first few of many names."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
