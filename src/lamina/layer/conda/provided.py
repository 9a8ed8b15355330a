"""What conda packages in a prefix have of the package index, for the lock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.engines.conda_prefix import read_prefix
from lamina.engines.probe import read_distributions
from lamina.layer.union import is_version
from lamina.lock.conda import LockedConda, LockedProvision, locked_conda

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.conda.plan import CondaPlan

_METADATA = re.compile(r"site-packages/([^/]+\.(?:dist|egg)-info)(?:/|$)")


def locked_packages(plan: CondaPlan, prefix: Path, series: str) -> tuple[LockedConda, ...]:
    """Return a layer's packages as its lock has them; ``prefix`` is where they are installed."""
    site = prefix / "lib" / f"python{series}" / "site-packages"
    there = {one.metadata: one for one in read_distributions([str(site)])} if plan.own else {}
    provided: dict[str, set[str]] = {
        one.record.name: {found[1] for file in one.files if (found := _METADATA.search(file.path))}
        for one in read_prefix(prefix)
    }
    return tuple(
        locked_conda(
            record,
            channel=plan.channel_of(record),
            requested_by=plan.because.get(record.name, ()),
            provides=tuple(
                LockedProvision(name=canonicalize_name(one.key), version=one.version)
                for metadata in sorted(provided.get(record.name, ()))
                if (one := there.get(metadata)) is not None and is_version(one.version)
            ),
        )
        for record in plan.own
    )
