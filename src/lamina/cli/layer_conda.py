"""What ``lamina layer add`` and ``remove`` do with conda packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from lamina.cli.options import environment

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.cli.options import Output

conda_option = click.option(
    "--conda",
    "conda",
    multiple=True,
    metavar="SPEC",
    help="A conda package, such as 'gfal2>=2.23'; may be given again.",
)
conda_name_option = click.option(
    "--conda",
    "conda",
    multiple=True,
    metavar="NAME",
    help="Take back the request for a conda package; may be given again.",
)
channel_option = click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="CHANNEL",
    help="With --conda: a name, address or path to take packages from; may be given again "
    "and counts for the layer from then on [default: those that the base is from].",
)
flat_option = click.option(
    "--flat",
    type=click.Path(file_okay=False),
    metavar="PREFIX",
    help="With --conda: leave the layer alone, and make a conda prefix of the base's packages, "
    "newer where needed, and these.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaOptions:
    """What was typed about conda packages."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    exclude_newer: str | None = None
    dry_run: bool = False
    flat: str | None = None


def check_conda_options(given: tuple[str, ...], others: tuple[str, ...], *only: object) -> bool:
    """Tell whether conda packages are meant; raises UsageError for a mix of both kinds."""
    if given and others:
        raise click.UsageError("Conda packages, or packages of the index: one kind at a time.")
    if not given and any(only):
        raise click.UsageError("--channel and --flat are for --conda SPEC.")
    return bool(given)


def change_conda_packages(output: Output, layer: Path, options: CondaOptions) -> None:
    """Carry out or plan a change, and print it."""
    from pathlib import Path

    from lamina.layer.conda.change import CondaRequest, change_conda
    from lamina.layer.conda.flat import hints_after, make_flat
    from lamina.layer.conda.plan import plan_value, render_plan

    request = CondaRequest(
        layer=layer,
        add=options.add,
        remove=options.remove,
        channels=options.channels,
        exclude_newer=options.exclude_newer,
        dry_run=options.dry_run,
    )
    value = {"layer": str(layer), "done": not options.dry_run}
    if options.flat is not None:
        prefix = Path(options.flat).absolute()
        plan = make_flat(request, prefix, environment())
        text = render_plan(plan)
        if not options.dry_run:
            text += f"\n{hints_after(layer, prefix)}"
        output.result(text, {**value, "prefix": str(prefix), "conda": plan_value(plan)})
        return
    plan = change_conda(request, environment())
    output.result(render_plan(plan), {**value, "conda": plan_value(plan)})
