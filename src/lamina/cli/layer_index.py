"""``lamina layer index``: have a layer start quickly on a base that has no index of its own."""

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
@output_options
def index(output: Output, *, directory: Path | None) -> None:
    """Write down where the modules of the layer DIR, by default the active one, are.

    Those of its base too, if it is no release: all its directories are walked through, which may
    take a while. A start then looks for nothing in directories that are as they were. Do it again
    when the base has changed much; the layer's own part is renewed by every add and remove.
    """
    from lamina.core import report
    from lamina.layer.opened import open_layer
    from lamina.layer.start_index import write_base_index, write_own_index
    from lamina.layer.transaction import holding

    environ = environment()
    path = named_layer(directory)
    with holding(path):
        base = open_layer(path, environ).base
        write_own_index(path, environ)
        with report.step("walk through the base"):
            count = write_base_index(path, base, environ)
    said = f"{count} directories of the base" if count else "the base has an index of its own"
    output.result(f"{path}: indexed; {said}", {"layer": str(path), "directories": count})
