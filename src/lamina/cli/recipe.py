"""``lamina recipe``: a conda recipe of a Python package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.options import dry_run_option, environment, output_options

if TYPE_CHECKING:
    from lamina.cli.options import Output


@click.command()
@click.argument("packages", metavar="PACKAGE[==VERSION]...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output-dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Where the directories of the recipes go [default: here].",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="DISTRIBUTION=PACKAGE",
    help="What a distribution is called as a conda package; may be given again.",
)
@click.option("--force", is_flag=True, help="Write over recipes that are there.")
@dry_run_option
@output_options
def recipe(
    output: Output,
    *,
    packages: tuple[str, ...],
    directory: Path,
    names: tuple[str, ...],
    force: bool,
    dry_run: bool,
) -> None:
    """Write DIR/NAME/recipe.yaml of each PACKAGE, from its sources on the index.

    PACKAGE may be a directory of sources or a source distribution, too. Nothing is built: what the
    sources do not tell is marked with CHECK. With --dry-run the recipe is printed.
    """
    from lamina.build.recipe import make_recipe, write_recipe
    from lamina.press.names import read_names

    environ = environment()
    further = read_names(names)
    made = [make_recipe(one, directory, names=further, environ=environ) for one in packages]
    lines = []
    for one in made:
        new = not dry_run and write_recipe(one, force=force)
        lines.append(one.text.rstrip() if dry_run else f"{one.path}{'' if new else ': unchanged'}")
        lines += [f"  {check}" for check in one.checks() if not dry_run]
    value = [
        {"path": str(one.path), "checks": one.checks()} | ({"text": one.text} if dry_run else {})
        for one in made
    ]
    output.result("\n".join(lines), {"recipes": value, "dry-run": dry_run})
