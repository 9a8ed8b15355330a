"""Where channels are: names, addresses and paths as lamina.toml and locks say them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rattler import Channel

from lamina.core.errors import UsageError
from lamina.engines.conda_boundary import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def channel_variable(channel: str) -> str:
    """Return the environment variable that says where a channel of that name is."""
    return "LAMINA_CHANNEL_" + re.sub(r"[^A-Z0-9]", "_", channel.upper())


def channel_addresses(
    channels: Iterable[str], directory: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return channel -> address, without a slash at its end, in the same order.

    A name is where its variable says, else on the public server that the engine knows. Paths
    begin at ``directory``. Raises UsageError for a path that is no directory.
    """
    return {channel: _address(channel, directory, environ) for channel in channels}


def _address(channel: str, directory: Path, environ: Mapping[str, str]) -> str:
    if "://" in channel:
        return channel.rstrip("/")
    if channel.startswith((".", "/")):
        return _directory(directory / channel, f"channel {channel}")
    if told := environ.get(channel_variable(channel)):
        if "://" in told:
            return told.rstrip("/")
        return _directory(Path(told), channel_variable(channel))
    return guarded(lambda: Channel(channel), channel).base_url.rstrip("/")


def _directory(path: Path, what: str) -> str:
    if not path.is_dir():
        raise UsageError(f"{what}: {path} is not a directory", hints=["lamina channel index DIR"])
    # Not resolved: a channel may be a link that somebody moves.
    return Path(os.path.abspath(path)).as_uri()  # noqa: PTH100
