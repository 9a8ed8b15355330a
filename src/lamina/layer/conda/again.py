"""A layer's conda packages as its lock has them: to be installed again, elsewhere too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lamina.core.errors import IntegrityError
from lamina.engines.conda_channels import channel_addresses
from lamina.engines.conda_records import name_of, parse_spec, spec_matches
from lamina.layer.base import cache_directory
from lamina.layer.conda.ground import conda_ground
from lamina.layer.conda.install import Goods, linked_archive
from lamina.model.platforms import current_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lamina.layer.base import Base
    from lamina.layer.conda.ground import CondaGround
    from lamina.lock.conda import LockedConda
    from lamina.model.conda import CondaRecord


def conda_cache(environ: Mapping[str, str]) -> Path:
    """Return where repodata and archives are kept."""
    return cache_directory(environ) / "conda"


def own_records(packages: Iterable[LockedConda], addresses: Mapping[str, str]) -> list[CondaRecord]:
    """Return locked packages with where they are fetched from."""
    found = []
    for one in packages:
        address = addresses.get(one.channel) or _address(one.channel)
        url = f"{address}/{one.subdir}/{one.file}"
        found.append(one.record(url=url, channel=f"{address}/"))
    return found


def _address(channel: str) -> str:
    """Return an address for a channel of which only the records count: the engine wants one."""
    return channel if "://" in channel else f"file:///{quote(channel.lstrip('/'))}"


def goods_again(
    packages: Sequence[LockedConda],
    requests: Sequence[str],
    base: Base,
    environ: Mapping[str, str],
    *,
    links: Sequence[Path] = (),
    moved: Mapping[str, str] | None = None,
) -> Goods:
    """Return what installs locked packages over a base.

    ``moved`` says where a recorded channel is now. Raises IntegrityError where the base does not
    have what they need, and UsageError for a channel that is not there.
    """
    ground = conda_ground(base.place, base.probe)
    if lines := list(unmet(ground, own_records(packages, {}))):
        raise IntegrityError(
            f"{base.place.prefix} has not the conda packages that the layer was made for:\n"
            + "\n".join(lines),
            hints=["--on BASE, with a base that has them"],
        )
    bare = zip(packages, own_records(packages, {}), strict=True)
    wanted = {one.channel for one, record in bare if linked_archive(record, links) is None}
    told = {one: (moved or {}).get(one, one) for one in sorted(wanted)}
    there = channel_addresses(told.values(), Path.cwd(), environ)
    addresses = {one: there[now] for one, now in told.items()}
    return Goods(
        records=own_records(packages, addresses),
        requests=requests,
        ground=ground,
        platform=current_platform(),
        cache=conda_cache(environ),
        environ=environ,
        links=links,
    )


def unmet(ground: CondaGround, own: Iterable[CondaRecord]) -> Iterator[str]:
    """Yield what packages of a layer need and neither layer nor base has."""
    mine = list(own)
    there = ground.records | {one.name: one for one in mine}
    for one in mine:
        for text in one.depends:
            name = name_of(parse_spec(text))
            if name.startswith("__"):
                continue
            found = there.get(name)
            if found is None:
                yield f"{one.name} {one.version} needs {text}, which is not there"
            elif not spec_matches(text, found):
                yield f"{one.name} {one.version} needs {text}, and {found} is there"
