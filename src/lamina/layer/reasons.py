"""Why a request cannot be met, in one short paragraph; the solver's own words go to the log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lamina.core.errors import UnsatisfiableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lamina.layer.union import Ground

_LONGEST = 400


def shortest_reason(
    error: UnsatisfiableError, ground: Ground, requests: Sequence[str], log: Path
) -> UnsatisfiableError:
    """Return the solver's refusal in few words, with what can be done about it."""
    reason = shortened(error.message)
    hints = [f"everything the solver said: {log}"]
    if missing := re.search(r"([A-Za-z0-9._-]+) was not found in the package registry", reason):
        name = missing[1]
        near = _near(name, {*ground.base, *ground.own})
        reason = f"the index has no package {name!r}" + (f" (did you mean {near!r}?)" if near else "")
    else:
        named = sorted(name for name in ground.base if _mentions(reason, name))
        floors = [f"{name} {ground.base[name].version}" for name in named]
        if floors:
            hints.insert(0, f"the base has {', '.join(floors)}; a layer never goes below its base")
    return UnsatisfiableError(
        f"{', '.join(requests)}: cannot stand on this base: {reason}", hints=hints
    )


def shortened(text: str) -> str:
    """Return uv's conclusion without its scaffolding, cut to a paragraph."""
    words = re.sub(r"^(error|cause): *", "", text, flags=re.MULTILINE)
    words = words.replace("No solution found when resolving dependencies", "")
    words = re.sub(r",? we can conclude that your requirements are unsatisfiable\.?", "", words)
    words = re.sub(r"\s+", " ", words).strip(" :.")
    words = re.sub(r"^Because ", "", words)
    sentences = re.split(r"(?<=\.) (?=And because|Because)", words)
    if len(words) > _LONGEST and len(sentences) > 1:
        words = f"{sentences[0]} [...] {sentences[-1]}"
    return words if len(words) <= _LONGEST else words[: _LONGEST - 6] + " [...]"


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def _near(name: str, known: set[str]) -> str | None:
    import difflib

    return next(iter(difflib.get_close_matches(name, sorted(known), n=1)), None)
