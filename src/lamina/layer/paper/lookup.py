"""Files for packages of a base of which nobody recorded any: what the index offers now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core import report
from lamina.core.http import HttpClient
from lamina.engines.index_pages import project_files
from lamina.engines.index_settings import public_index
from lamina.layer.document import load_layer
from lamina.layer.fetching import rank_of, wheel_order
from lamina.model.digests import parse_sha256
from lamina.model.names import PUBLIC_INDEX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.tags import Tag

    from lamina.engines.index_pages import Offer
    from lamina.layer.document import LayerBase
    from lamina.layer.paper.document import PaperBasePackage, PaperLock


def with_files(lock: PaperLock, base: LayerBase, environ: Mapping[str, str]) -> PaperLock:
    """Return a paper lock with the wheel that the public index offers of each base package.

    What it offers under that name and version need not be what the base has. Nothing is looked up
    over a release: it has recorded its files, and may have packages of its own whose names are
    somebody else's on the public index. Raises UpstreamUnavailableError.
    """
    unknown = [one for one in lock.base.packages if one.artifact() is None]
    if not unknown or _on_release(base):
        return lock
    address = public_index(environ)
    order = wheel_order(lock.base.series)
    with (
        report.step(f"look up {len(unknown)} packages") as step,
        HttpClient(environ) as client,
        ThreadPoolExecutor(16) as pool,
    ):
        names = [canonicalize_name(one.name) for one in unknown]
        pages = pool.map(lambda name: project_files(client, address, name), names)
        offers = dict(zip(unknown, pages, strict=True))
        found = {one.name: _with_file(one, offers[one], order) for one in unknown}
        missing = [one for one in found.values() if one.file is None]
        step.outcome = f"{len(found) - len(missing)} found"
    if missing:
        words = ", ".join(f"{one.name} {one.version}" for one in missing)
        report.warn(f"no wheel on the index, so --flat will need --find-links: {words}")
    packages = tuple(found.get(one.name, one) for one in lock.base.packages)
    return lock.model_copy(update={"base": lock.base.model_copy(update={"packages": packages})})


def _on_release(base: LayerBase) -> bool:
    while base.kind == "layer":
        base = load_layer(Path(base.prefix)).base
    return base.kind == "release"


def _with_file(
    one: PaperBasePackage, offers: Mapping[str, list[Offer]], order: Mapping[Tag, int]
) -> PaperBasePackage:
    ranked = [
        (rank, filename, offer.sha256)
        for filename, many in offers.items()
        if filename.endswith(".whl")
        and (rank := rank_of(filename, one.name, one.version, order)) is not None
        for offer in many
        if offer.sha256 is not None
    ]
    if not ranked:
        return one
    _, filename, sha256 = min(ranked)
    return one.model_copy(
        update={"index": PUBLIC_INDEX, "file": filename, "sha256": parse_sha256(sha256)}
    )
