"""``lamina layer``: your own environment over a release, or over any other Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.app import LazyGroup
from lamina.cli.options import environment, output_options, root_option

if TYPE_CHECKING:
    from lamina.cli.options import Output

_COMMANDS = {
    "create": ("lamina.cli.layer:create", "Make a layer over a release or any other Python."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def layer() -> None:
    """Your own environment over a release."""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--on", "base", required=True, metavar="BASE", help="What it stands on: stack@tier, stack/version, stack, the path of a prefix or layer, or env.")
@root_option
@output_options
def create(output: Output, directory: Path, base: str, root: Path) -> None:
    """Make a layer over a release or any other Python."""
    from lamina.layer.base import find_place, look_at
    from lamina.layer.create import create_layer, layer_directory

    environ = environment()
    target = layer_directory(directory)
    found = look_at(find_place(base, root=root, environ=environ), environ=environ)
    create_layer(target, found)
    output.result(f"{target}", {"layer": str(target)})
