"""The command groups, imported only when one of their commands is invoked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from lamina.cli.edge import end_with

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """A group whose commands are imported when invoked; their help lines stand in a table."""

    def __init__(self, *, table: Mapping[str, tuple[str, str]], **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt name gets a suggestion."""
        if args and args[0] not in self.table and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], self.table, n=1)
            ctx.fail(
                f"No such command '{args[0]}'." + (f" Did you mean {near[0]!r}?" if near else "")
            )
        return super().resolve_command(ctx, args)


COMMANDS = {
    "init": ("lamina.cli.author:init", "Start a stack: write lamina.toml."),
    "add": ("lamina.cli.author:add", "Add packages to the stack."),
    "remove": ("lamina.cli.author:remove", "Take packages out of the stack."),
    "lock": ("lamina.cli.resolution:lock", "Resolve the stack and write lamina.lock."),
    "check": ("lamina.cli.resolution:check", "Check the stack: documents, closure, conflicts."),
    "publish": ("lamina.cli.publish:publish", "Lock, build, test and publish a release."),
    "test": ("lamina.cli.test:test", "Test an installed release: imports, programs, suites."),
    "version": ("lamina.cli.version:version", "What the next release is called."),
    "export": ("lamina.cli.export:export", "Write a lock or release in another form."),
    "import": ("lamina.cli.pack:import_", "Make a pack a release of a root again."),
    "installer": ("lamina.cli.installer:installer", "Promote installers that were tested."),
    "release": ("lamina.cli.release:release", "List, show, verify and promote releases."),
    "extensions": ("lamina.cli.extensions:extensions", "What extends what inside a release."),
    "layer": ("lamina.cli.layer:layer", "Your own environment over a release."),
    "run": ("lamina.cli.use:run", "Run a command in a release or layer."),
    "shell": ("lamina.cli.use:shell", "Open a shell in a release or layer."),
    "channel": ("lamina.cli.channel:channel", "Make, index and check conda channels."),
    "press": ("lamina.cli.press:press", "Turn wheels into conda packages, and back."),
    "recipe": ("lamina.cli.recipe:recipe", "Write a conda recipe of a Python package."),
    "build": ("lamina.cli.build:build", "Build a stack's sources, or conda recipes."),
    "warm": ("lamina.cli.warm:warm", "Have a release in memory before its programs start."),
    "doctor": (
        "lamina.cli.doctor:doctor",
        "Find what is wrong with an environment, and what mends it.",
    ),
    "demo": ("lamina.cli.demo:demo", "See the main job on an example, in two minutes."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 success, 1 failure, 2 usage, 3 document, 4 unsatisfiable, 5 build or "
    "test, 6 integrity, 7 conflict, 8 upstream unavailable, 130 interrupted.",
)
@click.version_option(package_name="lamina", message="%(prog)s %(version)s")
def cli() -> None:
    """Define, lock, publish and layer an experiment's Python."""


def run_program() -> None:
    """Run the command line and exit with its code."""
    end_with(cli)
