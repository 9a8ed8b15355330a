"""The options of ``lamina export --as oci``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """What is to become an image, and where that goes."""

    source: str | None
    path: Path | None
    root: Path
    archive: str | None
    like: str | None
    base: str | None
    with_libc: bool
    platforms: tuple[str, ...]
    compression: str
    entrypoint: str | None
    push: str | None
    plain_http: bool


def image_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add them to a command."""
    options = (
        click.option(
            "--like",
            metavar="RELEASE",
            help="Of an image: packages that are the same in this release are a layer of their "
            "own.",
        ),
        click.option(
            "--base",
            metavar="LAYOUT[:TAG]",
            help="Of an image: an OCI image layout that it stands on.",
        ),
        click.option(
            "--with-libc",
            is_flag=True,
            help="Of an image without a base: put the C library of this machine in.",
        ),
        click.option(
            "--platform",
            "platforms",
            multiple=True,
            metavar="PLATFORM",
            help="Of an image: one of these only [default: all that are published].",
        ),
        click.option(
            "--compression",
            type=click.Choice(["gzip", "zstd"]),
            default="gzip",
            show_default=True,
            help="Of an image's layers.",
        ),
        click.option(
            "--entrypoint",
            metavar="COMMAND",
            help="Of an image [default: none, and python as the command].",
        ),
        click.option(
            "--push", metavar="REGISTRY/NAME:TAG", help="Of an image: send it to a registry."
        ),
        plain_http_option,
    )
    for one in reversed(options):
        command = one(command)
    return command


plain_http_option = click.option(
    "--plain-http", is_flag=True, help="Reach the registry without TLS, also on another machine."
)
