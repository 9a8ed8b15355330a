"""``lamina release gc|impact``: what nobody needs, and whom a new release would touch."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.options import (
    dry_run_option,
    environment,
    fresh_log,
    output_options,
    root_option,
    writable_root,
)

if TYPE_CHECKING:
    from lamina.cli.options import Output

layers_option = click.option(
    "--layers",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path),
    envvar="LAMINA_LAYERS",
    metavar="DIR",
    help="A directory that layers are shared in; may be given again [env: LAMINA_LAYERS].",
)


@click.command()
@click.argument("stack", required=False)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Collect what is older than the N newest [default: only what is retired].",
)
@layers_option
@click.option(
    "--child-root",
    "child_roots",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    envvar="LAMINA_CHILD_ROOTS",
    metavar="DIR",
    help="Another root whose releases may extend those here; may be given again "
    "[env: LAMINA_CHILD_ROOTS].",
)
@click.option("--why", default="", metavar="TEXT", help="Why, for the history.")
@dry_run_option
@root_option
@output_options
def gc(
    output: Output,
    *,
    stack: str | None,
    keep: int | None,
    directories: tuple[Path, ...],
    child_roots: tuple[Path, ...],
    why: str,
    dry_run: bool,
    root: Path,
) -> None:
    """Remove the releases, of all stacks or of STACK, that nobody needs.

    What a tier names or could go back to stays, what a shared layer stands on, and what another
    release extends, here or in a --child-root.
    """
    from lamina.cli.release import find_release
    from lamina.core.errors import UsageError
    from lamina.layer.shared import read_shared, stood_on
    from lamina.model.names import parse_stack_name
    from lamina.release import collect
    from lamina.release.history import Author
    from lamina.release.lineage import extended_by
    from lamina.release.root import open_root
    from lamina.release.tiers import Change

    environ = environment()
    opened = writable_root(root)
    try:
        releases = opened.releases(parse_stack_name(stack) if stack else None)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if stack and not releases:
        # Says what there is.
        find_release(stack, root)
    stood = stood_on(read_shared(directories))
    heirs = extended_by(opened, map(open_root, child_roots))
    plan = collect.collect(
        opened,
        releases,
        Change(author=Author.of(environ), now=datetime.now(UTC), why=why, dry_run=dry_run),
        keep=keep,
        needed={key: [*stood.get(key, ()), *heirs.get(key, ())] for key in {*stood, *heirs}},
        environ=environ,
    )
    output.result(
        collect.render_collection(plan, done=not dry_run),
        collect.collection_value(plan) | {"dry-run": dry_run},
    )


@click.command()
@click.argument("release", metavar="RELEASE")
@layers_option
@root_option
@output_options
def impact(output: Output, *, release: str, directories: tuple[Path, ...], root: Path) -> int:
    """Show what RELEASE would mean for the shared layers of its stack; exit 4 if one would break.

    Each is resolved against it as lamina layer migrate would; nothing is installed or imported.
    """
    from lamina.cli.release import find_release
    from lamina.core.errors import UnsatisfiableError, UsageError
    from lamina.engines.index_addresses import cache_directory
    from lamina.layer.base import find_place, look_at
    from lamina.layer.impact import impact_on, impact_value, render_impact
    from lamina.layer.shared import on_stack, read_shared

    if not directories:
        raise UsageError("name the directory that layers are shared in: --layers DIR")
    environ = environment()
    found = find_release(release, root)
    base = look_at(find_place(found.name, root=root, environ=environ), environ=environ)
    name = f"impact-{found.stack}-{found.version}.log"
    log = fresh_log(cache_directory(environ) / "logs" / name)
    layers = on_stack(read_shared(directories), found.stack)
    told = impact_on(layers, base, environ=environ, log=log)
    output.result(render_impact(told, found.name), impact_value(told, found.name))
    breaks = any(one.outcome == "breaks" for one in told)
    return UnsatisfiableError.exit_code if breaks else 0
