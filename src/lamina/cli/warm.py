"""``lamina warm``: have a release in memory before its programs start."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lamina.cli.options import environment, output_options, root_option

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.cli.options import Output


@click.command()
@click.argument("release", metavar="RELEASE")
@root_option
@output_options
def warm(output: Output, *, release: str, root: Path) -> None:
    """Read what importing the modules that RELEASE's stack tests needs.

    For a worker node before its jobs start, or a class before it begins: byte code, libraries and
    data come over the network once, many at a time, and are in the memory of this machine.
    """
    from lamina.cli.release import find_release
    from lamina.release import warm as reading

    found = find_release(release, root)
    start = time.perf_counter()
    warmed = reading.warm(found, environ=environment())
    seconds = time.perf_counter() - start
    output.result(
        f"{found.name}: {warmed.files} files, {warmed.bytes / 1e6:.1f} MB in {seconds:.1f} s",
        {"release": found.name, **asdict(warmed), "seconds": round(seconds, 3)},
    )
