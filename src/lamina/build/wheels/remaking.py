"""Wheels of a release that is made once more: the same ones, from the cache or built again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lamina.build.wheels.cache import WheelCache, key_of, reason_of
from lamina.build.wheels.opening import open_shop
from lamina.build.wheels.running import build_all
from lamina.build.wheels.shop import WithBuilt, swap
from lamina.core.errors import BuildFailedError, LaminaError, PackagesLostError, StorageError
from lamina.engines.index_addresses import cache_directory
from lamina.engines.origin_sources import OriginSources
from lamina.model.artifacts import ArtifactKind
from lamina.model.names import OF_NO_INDEX, parse_package_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from lamina.build.wheels.cache import BuiltWheel
    from lamina.build.wheels.kept import Inputs
    from lamina.build.wheels.opening import ShopRequest
    from lamina.build.wheels.shop import Shop
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

        Raises PackagesLostError, before anything is installed, for sources whose wheel is not in
        the cache and cannot be built as it was, and for files of a path that are gone.
        """
        wanted = list(artifacts)
        sources = {one.package: one for one in wanted if one.kind is ArtifactKind.SDIST}
        lost = self._gone(one for one in wanted if one.kind is ArtifactKind.WHEEL)
        made = self.cached(sources)
        if missing := sorted(sources.keys() - made.keys()):
            more, failed = self._built(missing)
            made |= more
            lost |= {sources[name].filename: why for name, why in failed.items()}
        if lost:
            raise PackagesLostError(lost)
        swapped, known = swap(wanted, made)
        self.inner.install(swapped, python=python, locator=WithBuilt(known, locator))

    @property
    def is_needed(self) -> bool:
        """Whether a release has packages that are built, or of no index."""
        artifacts = self.request.lock.artifacts_for(self.request.target)
        return any(one.kind is ArtifactKind.SDIST or one.index in OF_NO_INDEX for one in artifacts)

    def comes_from(self, artifact: Artifact) -> str:
        """Return in words where a file would come from; nothing is fetched to find out."""
        name = artifact.package
        if artifact.kind is ArtifactKind.SDIST and self.cached([name]):
            return "built, in the cache"
        packages = self.request.lock.packages_for(self.request.target)
        [origin] = [one.origin for one in packages if one.name == name]
        if origin is None:
            where = f"the index {artifact.index}"
        elif origin.path is not None:
            place = self.request.directory / origin.path
            kept = OriginSources(environ=self.request.environ).kept(
                artifact.sha256, artifact.filename
            )
            gone = "" if kept or place.exists() else ", which is not there"
            where = f"{place}{gone}"
        else:
            where = origin.text
        return f"built of {where}" if artifact.kind is ArtifactKind.SDIST else where

    def cached(self, names: Iterable[PackageName]) -> dict[PackageName, BuiltWheel]:
        """Return the wheels of packages that are in the cache."""
        cache = WheelCache(directory=cache_directory(self.request.environ) / "builds")
        found = {name: cache.find(key_of(self.told[name])) for name in names if name in self.told}
        return {name: one for name, one in found.items() if one is not None}

    def _gone(self, wheels: Iterable[Artifact]) -> dict[str, LaminaError]:
        """Return why wheels that the stack has beside it cannot be had; the others are kept."""
        lost: dict[str, LaminaError] = {}
        packages = self.request.lock.packages_for(self.request.target)
        origins = {one.name: one.origin for one in packages}
        kept = OriginSources(environ=self.request.environ)
        for one in wheels:
            if (origin := origins[one.package]) is not None:
                try:
                    kept.obtain(one, origin, self.request.directory)
                except StorageError:
                    raise
                except LaminaError as error:
                    lost[one.filename] = error
        return lost

    def _built(
        self, names: Collection[PackageName]
    ) -> tuple[dict[PackageName, BuiltWheel], dict[PackageName, LaminaError]]:
        """Return the wheels that can be built, and why the others cannot.

        One by one where not even all of their sources are there.
        """
        try:
            shop = open_shop(replace(self.request, only=self._needed(names)))
        except StorageError:
            raise
        except LaminaError as error:
            if len(names) == 1:
                return {}, dict.fromkeys(names, error)
            made: dict[PackageName, BuiltWheel] = {}
            lost: dict[PackageName, LaminaError] = {}
            for name in names:
                one, failed = self._built([name])
                made |= one
                lost |= failed
            return made, lost
        lost = self._others(shop, names)
        wanted = [name for name in names if name not in lost]
        outcomes = build_all(shop, self.request, keep_going=True, only=wanted) if wanted else {}
        for name in wanted:
            if name not in shop.made:
                because = outcomes[name].because or name
                lost[name] = outcomes[because].error or BuildFailedError("it was not built")
        return {name: shop.made[name] for name in wanted if name in shop.made}, lost

    def _needed(self, names: Iterable[PackageName]) -> frozenset[PackageName] | None:
        """Return packages with those that they were built with; None where that is not known."""
        builds = {one.package for one in self.request.lock.source_builds(self.request.target)}
        found: set[PackageName] = set()
        wave = set(names)
        while wave:
            if not wave <= self.told.keys():
                return None
            found |= wave
            asked = [each for name in wave for each in self.told[name].get("requirements", ())]
            wave = ({parse_package_name(each["name"]) for each in asked} & builds) - found
        return frozenset(found)

    def _others(self, shop: Shop, names: Iterable[PackageName]) -> dict[PackageName, LaminaError]:
        """Return what would be built otherwise here than it was, with in what."""
        return {
            name: BuildFailedError(
                "not in the cache, and here it would be built otherwise than it was: "
                + reason_of(shop.inputs(name), self.told[name])
            )
            for name in names
            if name in self.told and shop.key(name) != key_of(self.told[name])
        }
