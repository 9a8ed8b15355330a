"""``lamina run`` and ``lamina shell``: use a release, a layer or any other Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lamina.cli.options import environment, root_option, root_path

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.entering import Entry

_place = click.argument("place", metavar="RELEASE_OR_LAYER")


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@root_option
@_place
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]...")
def run(root: Path, place: str, command: tuple[str, ...]) -> None:
    """Run a command in a release, a layer or any other Python; its exit code is passed on.

    Of PYTHONPATH, a layer sees everything, in an order in which the layer's own packages win. For
    a release, directories that belong to other Python installations are left out.
    """
    from lamina.layer.base import find_place
    from lamina.layer.entering import plan_run

    root, words = _split(root, command)
    if not words:
        raise click.UsageError(f"Name a command: lamina run {place} -- python analysis.py")
    environ = environment()
    _become(plan_run(find_place(place, root=root, environ=environ), words, environ))


@click.command()
@root_option
@_place
def shell(root: Path, place: str) -> None:
    """Open your shell ($SHELL) in a release, a layer or any other Python; leave it with exit."""
    from lamina.layer.base import find_place
    from lamina.layer.entering import plan_shell

    environ = environment()
    _become(plan_shell(find_place(place, root=root, environ=environ), environ))


def _split(root: Path, words: tuple[str, ...]) -> tuple[Path, tuple[str, ...]]:
    """Tell the command from a --root that was written after the place and before ``--``."""
    if words[:1] == ("--root",) and words[2:3] == ("--",):
        return root_path(words[1]), words[3:]
    if words[:1] and words[0].startswith("--root=") and words[1:2] == ("--",):
        return root_path(words[0].removeprefix("--root=")), words[2:]
    return root, words[1:] if words[:1] == ("--",) else words


def _become(entry: Entry) -> None:
    from lamina.core.run import replace_process

    if entry.dropped:
        # Before the program takes over: there is no progress to report it through.
        dropped = ", ".join(entry.dropped)
        click.echo(f"note: left out of PYTHONPATH, other installations: {dropped}", err=True)
    replace_process(entry.argv, env=entry.environ)
