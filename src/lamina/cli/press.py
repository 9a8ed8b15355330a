"""``lamina press``: wheels from conda packages, and conda packages from wheels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.options import dry_run_option, environment, output_options

if TYPE_CHECKING:
    from lamina.cli.options import Output
    from lamina.model.platforms import Target
    from lamina.press.outcome import Pressed


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Where the results go.",
)
@click.option(
    "--with",
    "given",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PACKAGE",
    help="A conda package whose libraries a wheel may take in; may be given again.",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="CHANNEL",
    help="Where to look for libraries that none of those has; may be given again.",
)
@click.option(
    "--for",
    "target",
    metavar="PLATFORM/PYTHON",
    help="Of wheels: what markers are decided for [default: the wheel's tags, then this machine].",
)
@click.option(
    "--name",
    "pairs",
    multiple=True,
    metavar="DISTRIBUTION=PACKAGE",
    help="What the conda package of a distribution is called; may be given again.",
)
@click.option(
    "--names",
    "names_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="More such names: a TOML file with a table [names].",
)
@click.option("--force", is_flag=True, help="Replace results that are there.")
@dry_run_option
@output_options
def press(
    output: Output,
    *,
    files: tuple[Path, ...],
    directory: Path,
    given: tuple[Path, ...],
    channels: tuple[str, ...],
    target: str | None,
    pairs: tuple[str, ...],
    names_file: Path | None,
    force: bool,
    dry_run: bool,
) -> None:
    """Make a conda package of each wheel in FILE, and a wheel of each conda package.

    All are made before any is written. A wheel takes in the shared libraries that its modules need
    of other conda packages; when one of them is not to be had, it says which, and exits with 4.
    """
    from lamina.core import report
    from lamina.core.clock import source_date
    from lamina.press import pressing
    from lamina.press.names import read_names

    environ = environment()
    request = pressing.PressRequest(
        files=list(dict.fromkeys(files)),
        directory=directory,
        target=_target(target),
        names=read_names(pairs, names_file),
        given=given,
        channels=channels,
        moment=source_date(environ),
        environ=environ,
        replace=force,
        dry_run=dry_run,
    )
    made = pressing.press(request)
    for one in made:
        for warning in one.warnings:
            report.warn(f"{one.source.name}: {warning}")
    lines = [line for one in made for line in _lines(one, directory)]
    value = {
        "made": [one.as_json(directory / one.archive.name) for one in made],
        "dry-run": dry_run,
    }
    output.result("\n".join(lines), value)


def _lines(one: Pressed, directory: Path) -> list[str]:
    lines = [f"{one.source.name} -> {directory / one.archive.name}"]
    lines += [f"  {bundled.library} of {bundled.package}" for bundled in one.bundled]
    lines += [f"  not in the wheel's metadata: {spec}" for spec in one.conda_only]
    return lines


def _target(text: str | None) -> Target | None:
    from lamina.core.errors import UsageError
    from lamina.model.platforms import Target

    try:
        return Target.parse(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"--for {text!r}: {error}", hints=["--for linux-64/3.12"]) from error
