"""The options of ``lamina export --as pack``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

R = TypeVar("R")
WithBase = Literal["never", "auto", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackChoice:
    """What is to be packed, and how."""

    source: str | None
    path: Path | None
    root: Path
    archive: str | None
    with_base: WithBase
    clobbered: bool


def pack_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add them to a command."""
    options = (
        click.option(
            "--format",
            "archive",
            type=click.Choice(["tar.zst", "tar.gz", "tar", "zip"]),
            help="Of a pack [default: by the name of the file].",
        ),
        click.option(
            "--with-base",
            type=click.Choice(["never", "auto", "always"]),
            default="auto",
            help="Of a layer's pack: put its base in as well. auto: unless it is in CVMFS.",
        ),
        click.option(
            "--clobbered",
            is_flag=True,
            help="Pack also where two packages claim one file with different contents.",
        ),
    )
    for one in reversed(options):
        command = one(command)
    return command
