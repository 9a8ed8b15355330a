"""Where the conda packages of a release come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.lock.document import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSupply:
    """Where the channels of a lock are, without slashes at the end."""

    addresses: Mapping[str, str]
    """Channel, as the lock says it -> from where archives are fetched."""
    recorded: Mapping[str, str]
    """Channel -> what is written into the release: the same wherever it is made."""
    cache: Path
    """Where archives are kept that were fetched."""


def conda_supply(
    lock: Lock,
    directory: Path,
    environ: Mapping[str, str],
    cache: Path,
    *,
    recorded: Mapping[str, str] | None = None,
) -> CondaSupply | None:
    """Return where the channels of a lock are; None where it has no conda packages.

    Paths of channels begin at ``directory``. ``recorded``: what a release has of this already,
    and archives are fetched from there unless the environment says otherwise.
    """
    from lamina.engines.conda_channels import channel_addresses, channel_variable

    if not lock.conda:
        return None
    channels = sorted({one.channel for one in lock.conda})
    if recorded is not None:
        moved = [one for one in channels if channel_variable(one) in environ]
        addresses = dict(recorded) | channel_addresses(moved, directory, environ)
    else:
        addresses = channel_addresses(channels, directory, environ)
        recorded = channel_addresses(channels, directory, {})
    return CondaSupply(addresses=addresses, recorded=recorded, cache=cache / "conda")
