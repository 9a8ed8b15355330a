"""``lamina extensions``: what extends what inside a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lamina.cli.options import environment, output_options, root_option
from lamina.cli.release import find_release

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.cli.options import Output


@click.command()
@click.argument("release", metavar="RELEASE")
@root_option
@output_options
def extensions(output: Output, release: str, *, root: Path) -> None:
    """List the extensions in RELEASE, the first to count first.

    Those are packages with an entry point in the group lamina.extensions, and DIRAC's extensions.
    One comes before those that it requires; then the higher priority counts, then the name.
    """
    from lamina.release.extensions import extensions_value, find_extensions, render_extensions

    found = find_release(release, root)
    many = find_extensions(found, environment())
    value = {"release": found.name, "extensions": extensions_value(many)}
    output.result(render_extensions(many) or f"{found.name} has no extensions", value)
