"""Which modules could be imported before a change; kept, as a base is the same for many changes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lamina.core import fs
from lamina.core.errors import StorageError
from lamina.layer.imports.outcome import Failure
from lamina.model.digests import digest_of_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lamina.layer.imports.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Imports in a layer as it is now."""

    trial: Trial
    cache: Path | None
    """A directory; None: nothing is kept."""
    state: tuple[str, ...]
    """What decides how imports go: where the base is, its digest, the layer's own packages."""

    def failures(self, modules: Iterable[str]) -> dict[str, Failure]:
        """Return which of the modules cannot be imported; only those not known yet are tried."""
        wanted = sorted(set(modules))
        known = self._load()
        unknown = [name for name in wanted if name not in known]
        if unknown:
            found = self.trial.failures(unknown)
            known |= {name: found.get(name) for name in unknown}
            self._keep(known)
        return {name: one for name in wanted if (one := known[name]) is not None}

    def _place(self) -> Path | None:
        key = digest_of_bytes("\n".join(self.state).encode("utf-8", "surrogateescape"))
        return self.cache / f"{key[:32]}.json" if self.cache is not None else None

    def _load(self) -> dict[str, Failure | None]:
        place = self._place()
        try:
            kept = json.loads(place.read_text(encoding="utf-8")) if place is not None else {}
            return {str(name): _failure(item) for name, item in kept.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _keep(self, known: dict[str, Failure | None]) -> None:
        place = self._place()
        if place is None:
            return
        text = json.dumps({name: asdict(one) if one else None for name, one in known.items()})
        try:
            fs.make_directory(place.parent)
            fs.write_text(place, text)
        except StorageError:
            return  # A cache that cannot be written costs time, nothing else.


def _failure(item: dict[str, Any] | None) -> Failure | None:
    if item is None:
        return None
    files: Sequence[str] = item["files"]
    return Failure(module=item["module"], error=item["error"], files=tuple(files))
