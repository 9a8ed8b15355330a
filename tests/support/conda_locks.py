"""Locks with conda packages, made by hand: of a channel that is nowhere, or of a solve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.lock.conda import LockedConda, locked_conda
from lamina.lock.document import Lock
from lamina.model.document import validate
from lamina.model.platforms import Platform, Target
from support.locks import LINUX, lock_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def conda_entry(name: str, version: str = "1.0", build: str = "h0_0", **more: Any) -> LockedConda:
    """Return a package of Linux, in the channel ``ours``."""
    data = {
        "name": name,
        "version": version,
        "build": build,
        "channel": "ours",
        "subdir": "linux-64",
        "file": f"{name}-{version}-{build}.conda",
        "sha256": "ab" * 32,
        "md5": "cd" * 16,
        "requested-by": ["stack"],
    }
    return validate(LockedConda, data | more, "lamina.lock")


def conda_lock(
    packages: Iterable[LockedConda], *index: dict[str, Any], targets: Sequence[str] = (LINUX,)
) -> Lock:
    """Return a lock of conda packages, and of some of the index."""
    lock = validate(Lock, lock_data(*index, targets=list(targets)), "lamina.lock")
    return lock.model_copy(update={"conda": tuple(packages)})


def solved_lock(channel: Path, specs: Sequence[str], cache: Path, *index: dict[str, Any]) -> Lock:
    """Return the lock of a solve over a channel on disk, for Linux."""
    platform = Platform.LINUX_64
    request = SolveRequest(
        specs=specs,
        platform=platform,
        virtual=virtual_packages(platform, overrides={"__glibc": "2.99"}),
    )
    records = solve(CondaChannels(addresses=[channel.as_uri()], cache=cache), request)
    locked = [locked_conda(one, channel="ours", requested_by=("stack",)) for one in records]
    assert Target.parse(LINUX).platform is platform
    return conda_lock(locked, *index)
