"""``lamina layer share``: make a layer known to those who publish what it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.layer_state import named_layer
from lamina.cli.options import environment, output_options

if TYPE_CHECKING:
    from lamina.cli.options import Output


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option(
    "--to",
    "place",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    envvar="LAMINA_LAYERS",
    metavar="DIR",
    help="The directory that layers are shared in [env: LAMINA_LAYERS].",
)
@click.option("--withdraw", is_flag=True, help="Take it back.")
@output_options
def share(output: Output, *, directory: Path | None, place: Path, withdraw: bool) -> None:
    """Make the layer DIR, by default the active one, known to the librarians of its base.

    Its lock goes into a directory. What it stands on is not collected then, and before a new
    release they see what that would mean for it. Share it again when it has changed.
    """
    from lamina.layer import shared
    from lamina.layer.opened import open_layer
    from lamina.layer.paper.text import dump_paper
    from lamina.layer.paper.writing import paper_lock, tools_of
    from lamina.release.history import Author

    environ = environment()
    layer = named_layer(directory)
    path = shared.shared_path(place, layer, Author.of(environ).user)
    if withdraw:
        there = shared.withdraw(path)
        said = f"{path} is withdrawn" if there else f"{layer} was not shared in {place}"
    else:
        text = dump_paper(paper_lock(open_layer(layer, environ), tools_of(environ)))
        shared.share(text, path)
        said = f"shared as {path}"
    output.result(said, {"layer": str(layer), "path": str(path), "withdrawn": withdraw})
