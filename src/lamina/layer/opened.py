"""A layer as it is now: what was asked of it, what it holds, and what it stands on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core.errors import UsageError
from lamina.engines.probe import read_distributions
from lamina.layer.base import Place, look_at
from lamina.layer.document import load_layer, load_layer_lock
from lamina.layer.transaction import settle
from lamina.layer.union import ground_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.engines.probe import BaseProbe, Distribution
    from lamina.layer.document import LayerDocument, LayerLock, LayerPackage
    from lamina.layer.union import Ground
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLayer:
    """A layer with what it stands on and what it holds now."""

    path: Path
    document: LayerDocument
    lock: LayerLock | None
    base: BaseProbe
    own: tuple[Distribution, ...]

    @property
    def managed(self) -> dict[PackageName, LayerPackage]:
        """What lamina has put into it."""
        return {one.name: one for one in self.lock.packages} if self.lock else {}

    @property
    def is_sound(self) -> bool:
        """Whether base and layer are as the last change left them, and nobody else was here."""
        own = {canonicalize_name(one.key): one.version for one in self.own}
        if self.lock is None:
            return not own
        kept = {name: one.version for name, one in self.managed.items()}
        return own == kept and self.lock.base_digest == self.base.digest

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return site_of(self.path, self.base)

    def ground(self) -> Ground:
        """Return what is there before a request."""
        reasons = {name: one.because for name, one in self.managed.items()}
        return ground_of(self.base, self.own, reasons)


def site_of(layer: Path, base: BaseProbe) -> Path:
    """Return the site-packages of a layer."""
    return layer / "lib" / f"python{base.series}" / "site-packages"


def open_layer(path: Path, environ: Mapping[str, str]) -> OpenLayer:
    """Read a layer and look at its base; raises DocumentError, UsageError."""
    settle(path)
    document = load_layer(path)
    kept = document.base
    place = Place(
        given=kept.given,
        kind=kept.kind,
        python=Path(kept.python),
        prefix=Path(kept.prefix),
        release=kept.release,
        search=kept.search,
        variables=kept.variables,
    )
    if not place.python.exists():
        raise UsageError(
            f"{path}: its base is gone: {place.prefix}",
            hints=[f"lamina layer migrate {shlex.quote(str(path))} --to BASE"],
        )
    base = look_at(place, environ=environ).probe
    return OpenLayer(
        path=path,
        document=document,
        lock=load_layer_lock(path),
        base=base,
        own=read_distributions([str(site_of(path, base))]),
    )
