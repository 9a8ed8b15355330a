"""What a layer stands on of conda packages: of its base, and of the layers below it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.engines.conda_prefix import META, InstalledPackage, read_prefix
from lamina.layer.base import is_layer
from lamina.layer.conda_prefix import CONDA
from lamina.layer.state import standing_from
from lamina.stack.conda_reading import without_secrets

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.probe import BaseProbe
    from lamina.layer.base import Place
    from lamina.model.conda import CondaRecord

_PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaGround:
    """The conda packages below a layer, none of which it changes."""

    packages: tuple[InstalledPackage, ...]
    prefixes: tuple[Path, ...]
    """Where they are, the nearest first."""

    @property
    def records(self) -> dict[str, CondaRecord]:
        """Their records by name."""
        return {one.record.name: one.record for one in self.packages}

    @property
    def libraries(self) -> tuple[Path, ...]:
        """The directories in which programs of the layer look for libraries of the base."""
        return tuple(one / "lib" for one in self.prefixes)

    @property
    def python(self) -> Path | None:
        """The conda-meta record of its Python, None for a Python that is no conda package."""
        record = self.records.get(_PYTHON)
        if record is None:
            return None
        name = f"{record.name}-{record.version}-{record.build}.json"
        return next((one for p in self.prefixes if (one := p / META / name).is_file()), None)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that they are from, the one of most packages first."""
        found = Counter(_channel_of(one) for one in self.records.values() if "://" in one.channel)
        return tuple(name for name, _ in sorted(found.items(), key=lambda item: -item[1]))


def conda_ground(place: Place, base: BaseProbe) -> CondaGround:
    """Return what is below a layer on a base; raises IntegrityError for broken records."""
    prefixes = conda_prefixes(place, base)
    packages: dict[str, InstalledPackage] = {}
    for prefix in reversed(prefixes):
        packages |= {one.record.name: one for one in read_prefix(prefix)}
    return CondaGround(packages=tuple(packages.values()), prefixes=prefixes)


def conda_prefixes(place: Place, base: BaseProbe) -> tuple[Path, ...]:
    """Return the conda prefixes below a layer on a base, the nearest first.

    An environment over a conda prefix has the libraries of that.
    """
    candidates: list[Path] = []
    root = place.prefix
    if is_layer(root):
        for layer in standing_from(root):
            candidates.append(layer.path / CONDA)
            root = layer.document.base.place.prefix
    whole = (root, type(root)(base.base_prefix))
    candidates += [one for one in whole if (one / META).is_dir()][:1]
    return tuple(one for one in candidates if (one / META).is_dir())


def count_below(place: Place, base: BaseProbe) -> int:
    """Return how many conda packages are below a layer, whatever their records say."""
    return len({f.name for p in conda_prefixes(place, base) for f in (p / META).glob("*.json")})


def _channel_of(record: CondaRecord) -> str:
    """Return the address of a channel: conda writes the subdirectory into its records as well."""
    address = record.channel.rstrip("/")
    for subdir in (record.subdir, "noarch"):
        address = address.removesuffix(f"/{subdir}")
    # Some installers write them down, and what a layer records others read.
    return without_secrets(address)
