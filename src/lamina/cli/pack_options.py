"""The options of ``lamina export --as pack`` and ``--as installer``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

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
            type=click.Choice(["tar.zst", "tar.gz", "tar", "zip", "layout", "docker"]),
            help="Of a pack [default: by the name of the file]; of an image: an OCI layout "
            "[default] or what docker load takes.",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallerChoice:
    """What comes along in an installer."""

    environment_file: str
    hook: Path | None
    key: Path | None


sign_option = click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="KEY",
    help="Sign the installer with this SSH key, or with that of the agent for a .pub file.",
)


def installer_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add them to a command, which gets an InstallerChoice."""

    @click.option(
        "--rc",
        "environment_file",
        metavar="NAME",
        default="",
        help="Put a file of this name into an installer's prefix, to source in sh, bash or zsh.",
    )
    @click.option(
        "--post-install",
        "hook",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="A program that an installer starts once everything is in place.",
    )
    @sign_option
    @functools.wraps(command)
    def wrapped(
        *args: Any, environment_file: str, hook: Path | None, key: Path | None, **kwargs: Any
    ) -> R:
        choice = InstallerChoice(environment_file=environment_file, hook=hook, key=key)
        return command(*args, installer=choice, **kwargs)

    return wrapped
