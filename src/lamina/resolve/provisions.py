"""Which distributions of the package index are inside conda packages."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.channel.distributions import distributions_in
from lamina.core import fs
from lamina.core.http import HttpClient
from lamina.engines.conda_paths import archive_paths
from lamina.lock.conda import LockedProvision
from lamina.model.conda import needed_name
from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.model.conda import CondaRecord

Provisions = tuple[LockedProvision, ...]

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionReader:
    """Reads what packages provide: from their archives, once for each."""

    directory: Path
    """Where what was read is kept."""
    environ: Mapping[str, str]

    def read(self, records: Iterable[CondaRecord]) -> dict[CondaRecord, Provisions]:
        """Return what each package has of the index: nothing, where it does not need Python.

        Raises IntegrityError, UpstreamUnavailableError.
        """
        wanted = list(records)
        found: dict[CondaRecord, Provisions] = {one: () for one in wanted if not is_of_python(one)}
        new: list[CondaRecord] = []
        for one in wanted:
            if one in found:
                continue
            if (known := self._known(one)) is None:
                new.append(one)
            else:
                found[one] = known
        if new:
            with HttpClient(self.environ) as http, ThreadPoolExecutor(_AT_ONCE) as pool:
                paths = pool.map(lambda one: archive_paths(one, self.directory, http), new)
                for one, listed in zip(new, paths, strict=True):
                    found[one] = provisions_in(listed)
                    self._keep(one, found[one])
        return found

    def _place(self, record: CondaRecord) -> Path:
        # Of the address too: what one server says of an archive counts for no other.
        key = hashlib.sha256(f"{record.url}\n{record.sha256}".encode()).hexdigest()
        return self.directory / "provides" / f"{key}.json"

    def _known(self, record: CondaRecord) -> Provisions | None:
        try:
            pairs = json.loads(self._place(record).read_bytes())
            return tuple(LockedProvision(name=name, version=version) for name, version in pairs)
        except (OSError, ValueError, TypeError):
            return None  # Not kept yet, or cut off: the archive is read.

    def _keep(self, record: CondaRecord, provisions: Iterable[LockedProvision]) -> None:
        place = self._place(record)
        fs.make_directory(place.parent)
        fs.write_text(place, json.dumps([(one.name, one.version) for one in provisions]))


def is_of_python(record: CondaRecord) -> bool:
    """Tell whether a package is Python, or needs it, so that it may have distributions."""
    needs = {needed_name(one) for one in record.depends}
    return (
        record.noarch == "python"
        or record.name == "python"
        or not needs.isdisjoint({"python", "python_abi"})
    )


def provisions_in(paths: Iterable[str]) -> Provisions:
    """Return the distributions whose metadata directories are among the paths, by name."""
    return tuple(
        LockedProvision(name=parse_package_name(name), version=version)
        for name, version in distributions_in(paths).items()
    )
