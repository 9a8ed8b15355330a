"""What a layer says of itself, read without its base, which may be gone."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import DocumentError, IntegrityError
from lamina.engines.probe import read_distributions
from lamina.layer.base import is_layer
from lamina.layer.document import LayerDocument, LayerLock, load_layer, load_layer_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.engines.probe import Distribution
    from lamina.layer.document import LayerPackage
    from lamina.model.names import PackageName

_WRITTEN = re.compile(r"^_LAMINA_LAYER=(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """A layer's documents and what is in it."""

    path: Path
    document: LayerDocument
    lock: LayerLock | None
    own: tuple[Distribution, ...]

    @property
    def managed(self) -> dict[PackageName, LayerPackage]:
        """What lamina has put into it."""
        return {one.name: one for one in self.lock.packages} if self.lock else {}

    @property
    def series(self) -> str:
        """The Python series that it was made for."""
        return ".".join(self.document.base.version.split(".")[:2])

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.path / "lib" / f"python{self.series}" / "site-packages"


def read_state(path: Path) -> LayerState:
    """Read a layer; raises DocumentError."""
    document, lock = load_layer(path), load_layer_lock(path)
    state = LayerState(path=path, document=document, lock=lock, own=())
    return LayerState(
        path=path, document=document, lock=lock, own=read_distributions([str(state.site)])
    )


def standing_from(path: Path) -> Iterator[LayerState]:
    """Yield the layer at a path, then those that it stands on, nearest first.

    Ends before one that cannot be read, and where the documents lead in a circle.
    """
    seen: set[Path] = set()
    while (real := path.resolve()) not in seen:
        seen.add(real)
        try:
            layer = read_state(path)
        except DocumentError:
            return
        yield layer
        path = layer.document.base.place.prefix
        if not is_layer(path):
            return


def made_for(path: Path) -> Path | None:
    """Return the directory that a layer's activation names: elsewhere once it is moved or copied.

    None where that cannot be told.
    """
    try:
        text = (path / "bin" / "activate").read_text(encoding="utf-8", errors="surrogateescape")
        found = _WRITTEN.search(text)
        words = shlex.split(found[1]) if found else []
    except (OSError, ValueError):
        return None
    return Path(words[0]) if len(words) == 1 else None


def is_elsewhere(path: Path) -> bool:
    """Tell whether a layer is not where its scripts say that it is."""
    written = made_for(path)
    if written is None or os.path.abspath(written) == os.path.abspath(path):  # noqa: PTH100
        return False
    try:
        return not written.samefile(path)
    except OSError:
        return True


def path_as_made(layer: Path) -> Path:
    """Return the path that a layer's scripts name it by, however it was given.

    Raises IntegrityError for a layer that was moved or copied: nothing in it would fit.
    """
    here = Path(os.path.abspath(layer))  # noqa: PTH100 (links are not followed)
    if is_elsewhere(here):
        raise IntegrityError(
            f"{here}: not where it was made, which was {made_for(here)}",
            hints=[f"lamina layer check {shlex.quote(str(here))}"],
        )
    return made_for(here) or here
