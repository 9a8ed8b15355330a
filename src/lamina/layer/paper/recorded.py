"""Which file each distribution of a base was installed from, where somebody recorded it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.document import load_layer, load_layer_lock
from lamina.layer.sources import artifact_of
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.platforms import Target
from lamina.release.alterations import release_alterations
from lamina.release.manifest import load_manifest
from lamina.release.root import INTERNAL, MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.layer.base import BaseKind
    from lamina.lock.document import LockedOrigin
    from lamina.model.artifacts import Artifact
    from lamina.model.names import PackageName
    from lamina.release.alterations import Alteration


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """What a distribution was installed from."""

    artifact: Artifact
    origin: LockedOrigin | None = None
    """Where its sources were, for one that is of no index."""


Recorded = dict[tuple["PackageName", str], RecordedFile]


def recorded_files(kind: BaseKind, prefix: Path) -> Recorded:
    """Return the files by package and version: of a release's lock, of the layers below.

    A prefix that is neither records none. Raises DocumentError.
    """
    match kind:
        case "release":
            return _of_release(prefix)
        case "layer":
            base = load_layer(prefix).base
            below = recorded_files(base.kind, Path(base.prefix))
            lock = load_layer_lock(prefix)
            own = [artifact_of(one) for one in lock.packages] if lock else []
            return below | {(one.package, one.version): RecordedFile(artifact=one) for one in own}
        case "prefix" | "env":
            return {}


def recorded_alterations(kind: BaseKind, prefix: Path) -> Mapping[PackageName, Alteration]:
    """Return what a release did to its packages, but for those that layers over it hide.

    A prefix that is neither records nothing. Raises DocumentError.
    """
    match kind:
        case "release":
            return release_alterations(prefix)
        case "layer":
            base, lock = load_layer(prefix).base, load_layer_lock(prefix)
            own = {one.name for one in lock.packages} if lock else set()
            below = recorded_alterations(base.kind, Path(base.prefix))
            return {name: one for name, one in below.items() if name not in own}
        case "prefix" | "env":
            return {}


def _of_release(prefix: Path) -> Recorded:
    manifest = load_manifest(prefix / INTERNAL / MANIFEST_NAME)
    lock = load_lock(prefix / INTERNAL / LOCK_NAME)
    target = Target(manifest.platform, manifest.python.series)
    origins = {one.name: one.origin for one in lock.packages_for(target)}
    return {
        (one.package, one.version): RecordedFile(artifact=one, origin=origins[one.package])
        for one in lock.artifacts_for(target)
    }
