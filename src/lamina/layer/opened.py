"""A layer as it is now: what was asked of it, what it holds, and what it stands on."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core import report
from lamina.core.errors import IntegrityError, UsageError
from lamina.engines.probe import read_distributions
from lamina.layer.base import look_at
from lamina.layer.conda_prefix import over_base
from lamina.layer.document import load_layer, load_layer_lock
from lamina.layer.transaction import settle
from lamina.layer.union import ground_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.engines.probe import BaseProbe, Distribution
    from lamina.layer.document import LayerBase, LayerDocument, LayerLock, LayerPackage
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
    below: BaseProbe
    """The base, and before it what the layer's own conda packages have for Python."""

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
        return ground_of(self.below, self.own, reasons)


def site_of(layer: Path, base: BaseProbe) -> Path:
    """Return the site-packages of a layer."""
    return layer / "lib" / f"python{base.series}" / "site-packages"


def open_layer(path: Path, environ: Mapping[str, str]) -> OpenLayer:
    """Read a layer and look at its base; says so when that has changed meanwhile.

    Raises DocumentError, and IntegrityError when the base is gone or of another Python.
    """
    settle(path)
    document, lock = load_layer(path), load_layer_lock(path)
    base = _base_of(path, document, environ)
    if base.digest != (lock.base_digest if lock is not None else document.base.digest):
        lost = _lost(document.base)
        report.warn(
            f"{path}: its base {document.base.prefix} is not what it was when the layer was last "
            f"changed{f': there is no {lost}' if lost else ''} "
            f"(lamina layer check {shlex.quote(str(path))})"
        )
    return OpenLayer(
        path=path,
        document=document,
        lock=lock,
        base=base,
        own=read_distributions([str(site_of(path, base))]),
        below=over_base(base, path),
    )


def _base_of(path: Path, document: LayerDocument, environ: Mapping[str, str]) -> BaseProbe:
    """Return what the base holds now; raises IntegrityError where it is of no use any more."""
    kept = document.base
    place = kept.place
    if not place.python.exists():
        raise base_gone(path, kept)
    try:
        base = look_at(place, environ=environ).probe
    except UsageError as error:
        raise IntegrityError(
            f"{path}: its base does not work any more: {error.message}",
            hints=_elsewhere(path, kept),
        ) from error
    before = ".".join(kept.version.split(".")[:2])
    if base.series != before:
        raise IntegrityError(
            f"{path}: its base {place.prefix} is Python {base.series} now, and the layer is for "
            f"{before}",
            hints=[f"lamina layer migrate {shlex.quote(str(path))} --to {shlex.quote(kept.named)}"],
        )
    return base


def base_gone(path: Path, base: LayerBase) -> IntegrityError:
    """Return what is said of a layer without its base, or without the interpreter of that."""
    missing = f" (there is no {base.python})" if Path(base.prefix).exists() else ""
    return IntegrityError(
        f"{path}: its base is gone: {base.prefix}{missing}", hints=_elsewhere(path, base)
    )


def _elsewhere(path: Path, base: LayerBase) -> list[str]:
    """Return the commands that put a layer on another base than the one that is gone."""
    layer = shlex.quote(str(path))
    if base.kind == "env":
        return [f"set the environment up again, then: lamina layer migrate {layer} --to env"]
    return [f"lamina layer check {layer}", f"lamina layer migrate {layer} --to BASE"]


def _lost(base: LayerBase) -> str | None:
    """Return a directory of the recorded PYTHONPATH that is not there."""
    entries = filter(None, (base.search or "").split(os.pathsep))
    return next((one for one in entries if not Path(one).exists()), None)
