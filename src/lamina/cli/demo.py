"""``lamina demo``: the main job on an example."""

from __future__ import annotations

import dataclasses
import io
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.options import environment, output_options

if TYPE_CHECKING:
    from lamina.cli.options import Output
    from lamina.demo.story import Told


@click.command()
@click.argument(
    "directory", type=click.Path(path_type=Path, file_okay=False, exists=True), default="."
)
@click.option(
    "--conda", is_flag=True, help="With conda packages, from a channel that is made on the spot."
)
@output_options
def demo(output: Output, *, directory: Path, conda: bool) -> None:
    """Run the main job on an example, in DIRECTORY: from lamina.toml to a plot, in two minutes."""
    from lamina.demo.conda_story import tell_of_conda
    from lamina.demo.story import Setting, tell
    from lamina.model.platforms import current_platform

    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    setting = Setting(
        directory=directory.resolve(),
        program=(sys.executable, "-P", "-m", "lamina"),
        spelling=_spelling(),
        python=base,
        series=f"{sys.version_info.major}.{sys.version_info.minor}",
        platform=current_platform(),
        environ=environment(),
    )
    told = tell_of_conda(setting) if conda else tell(setting)
    value = {
        "steps": [dataclasses.asdict(scene) for scene in told.scenes],
        "plot": None if told.plot is None else str(told.plot),
        "next": list(told.next_commands),
    }
    output.result(_render(told), value)


def _spelling() -> str:
    """Return what to type for this program: its path where PATH does not lead to it."""
    program = Path(sys.executable).with_name("lamina")
    if shutil.which("lamina") == str(program) or not program.exists():
        return "lamina"
    here = Path.cwd()
    near = program.relative_to(here) if program.is_relative_to(here) else program
    return shlex.quote(str(near))


def _render(told: Told) -> str:
    """Return the table of what was done, and what to type next."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="What was done", title_justify="left", show_lines=True)
    for heading in ("step", "outcome", "where"):
        table.add_column(heading, overflow="fold")
    table.add_column("seconds", justify="right")
    for scene in told.scenes:
        table.add_row(scene.title, scene.outcome, scene.place, f"{scene.seconds:.1f}")
    table.add_section()
    table.add_row("all", "", "", f"{sum(scene.seconds for scene in told.scenes):.1f}")
    text = io.StringIO()
    width = max(shutil.get_terminal_size((100, 24)).columns, 80)
    console = Console(
        file=text,
        width=width,
        highlight=False,
        force_terminal=sys.stdout.isatty() and "NO_COLOR" not in environment(),
    )
    console.print(table)
    console.print("\nThe same, typed by hand:")
    for scene in told.scenes:
        console.print(f"  {scene.command}", markup=False, soft_wrap=True)
    console.print("\nNext:")
    for command in told.next_commands:
        console.print(f"  {command}", markup=False, soft_wrap=True)
    return text.getvalue().rstrip()
