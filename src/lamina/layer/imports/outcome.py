"""How imports went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A module that cannot be imported."""

    module: str
    error: str
    """One line."""
    files: tuple[str, ...] = ()
    """The files that the failure went through, the innermost last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """How the imports went that a change could have broken."""

    tried: int
    broken_before: tuple[Failure, ...] = ()
    """These could not be imported before either."""
    new_broken: tuple[Failure, ...] = ()
    """These are new and cannot be imported."""
    notes: tuple[str, ...] = ()
    """What else the compiled modules say."""


def imports_value(imports: Imports) -> dict[str, Any]:
    """Return the outcome as a JSON value."""
    groups = (("broken_before", imports.broken_before), ("new_broken", imports.new_broken))
    return {
        "tried": imports.tried,
        **{
            name: [{"module": one.module, "error": one.error} for one in failures]
            for name, failures in groups
        },
        "notes": list(imports.notes),
    }


def render_imports(imports: Imports) -> str:
    """Return the outcome for people."""
    count = f"{imports.tried} import{'' if imports.tried == 1 else 's'}"
    before = ", ".join(one.module for one in imports.broken_before)
    also = f"; broken before as well: {before}" if before else ""
    return f"{count} tried: what worked before works{also}"
