"""Wheels of a release that is made once more: the same ones, from the cache or built again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.build.wheels.cache import WheelCache, key_of, reason_of
from lamina.build.wheels.opening import open_shop
from lamina.build.wheels.running import build_all, raise_failures
from lamina.build.wheels.shop import WithBuilt, swap
from lamina.core.errors import BuildFailedError
from lamina.engines.index_addresses import cache_directory
from lamina.model.artifacts import ArtifactKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from lamina.build.wheels.cache import BuiltWheel
    from lamina.build.wheels.kept import Inputs
    from lamina.build.wheels.opening import ShopRequest
    from lamina.engines.api import ArtifactInstaller, ArtifactLocator
    from lamina.model.artifacts import Artifact
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class RemakingInstaller:
    """An ArtifactInstaller that has for each source the wheel that a release was made with."""

    inner: ArtifactInstaller
    request: ShopRequest
    """By what the release keeps of its stack."""
    told: Mapping[PackageName, Inputs]
    """What each wheel was built of, as far as that is still known."""

    def install(
        self, artifacts: Iterable[Artifact], *, python: Path, locator: ArtifactLocator
    ) -> None:
        """Install into the environment of ``python``.

        Raises BuildFailedError for a wheel that is not in the cache and cannot be built as it was.
        """
        wanted = list(artifacts)
        names = {one.package for one in wanted if one.kind is ArtifactKind.SDIST}
        made = self._cached(names)
        if missing := sorted(names - made.keys()):
            made |= self._built(missing)
        swapped, known = swap(wanted, made)
        self.inner.install(swapped, python=python, locator=WithBuilt(known, locator))

    def _cached(self, names: Iterable[PackageName]) -> dict[PackageName, BuiltWheel]:
        cache = WheelCache(directory=cache_directory(self.request.environ) / "builds")
        found = {name: cache.find(key_of(self.told[name])) for name in names if name in self.told}
        return {name: one for name, one in found.items() if one is not None}

    def _built(self, names: Collection[PackageName]) -> dict[PackageName, BuiltWheel]:
        shop = open_shop(self.request)
        others = {
            name: reason_of(shop.inputs(name), self.told[name])
            for name in names
            if name in self.told and shop.key(name) != key_of(self.told[name])
        }
        if others:
            raise BuildFailedError(
                "not in the cache, and here they would be built otherwise than they were: "
                + "; ".join(f"{name}: {why}" for name, why in others.items()),
                hints=["run it where they were built: their wheels are in lamina's cache there"],
            )
        raise_failures(build_all(shop, self.request, keep_going=False, only=names))
        return {name: shop.made[name] for name in names}
