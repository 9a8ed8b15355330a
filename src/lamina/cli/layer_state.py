"""``lamina layer lock|restore|check|migrate|kernel``: keep a layer, and keep it working."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.options import (
    dry_run_option,
    environment,
    output_options,
    probe_option,
    root_option,
)
from lamina.cli.quick import activation_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.cli.options import Output
    from lamina.layer.paper.document import PaperLock
    from lamina.model.names import IndexName

_directory = click.argument(
    "directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]"
)


def named_layer(given: Path | None) -> Path:
    """Return the layer that is named, or else the active one; raises UsageError."""
    from lamina.layer.base import active_layer, find_layer

    return find_layer(given) if given is not None else active_layer(environment())


@click.command()
@_directory
@click.option(
    "-o",
    "--output",
    "destination",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write [default: standard output].",
)
@click.option(
    "--look-up",
    is_flag=True,
    help="Look up on the index the files of base packages of which none is recorded.",
)
@output_options
def lock(
    output: Output, directory: Path | None, destination: Path | None, *, look_up: bool
) -> None:
    """Write the layer DIR, by default the active one, as one document to keep.

    It names the base by its content, and every file by its hash: lamina layer restore makes the
    layer from it again.
    """
    from lamina.core import fs
    from lamina.layer.opened import open_layer
    from lamina.layer.paper.text import dump_paper
    from lamina.layer.paper.writing import paper_lock, tools_of

    environ = environment()
    opened = open_layer(named_layer(directory), environ)
    written = paper_lock(opened, tools_of(environ))
    if look_up:
        from lamina.layer.paper.lookup import with_files

        written = with_files(written, opened.document.base, environ)
    text = dump_paper(written)
    if destination is not None:
        fs.write_text(destination, text)
    shown = f"wrote {destination}" if destination else text.removesuffix("\n")
    value = {"layer": str(opened.path)}
    value |= {"output": str(destination)} if destination else {"text": text}
    output.result(shown, value)


@click.command()
@click.argument("lockfile", metavar="LOCKFILE")
@click.option(
    "--to",
    "directory",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The directory to make, new or empty.",
)
@click.option(
    "--on",
    "base",
    metavar="BASE",
    help="The base to stand on, of the same content [default: the recorded place, then a release "
    "of the same content in the root].",
)
@click.option("--flat", is_flag=True, help="Stand on no base: its packages come along.")
@click.option(
    "--unpatched",
    is_flag=True,
    help="With --flat: take packages as they were published, or are in git, where the base "
    "patched, hooked or compiled them in its own way, and no built wheel is found.",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --flat: the interpreter [default: one of the series found on this machine].",
)
@click.option(
    "--find-links",
    "links",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A directory of wheels to take files from first; may be given again.",
)
@click.option(
    "--index",
    "indexes",
    multiple=True,
    metavar="NAME=ADDRESS",
    help="Where an index of the lock is, if no stack says so; may be given again.",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="CHANNEL=ADDRESS",
    help="Where a conda channel of the lock is now; may be given again.",
)
@root_option
@dry_run_option
@output_options
def restore(
    output: Output,
    *,
    lockfile: str,
    directory: Path,
    base: str | None,
    python: Path | None,
    links: tuple[Path, ...],
    indexes: tuple[str, ...],
    channels: tuple[str, ...],
    root: Path,
    flat: bool,
    unpatched: bool,
    dry_run: bool,
) -> None:
    """Make a layer again from what lamina layer lock wrote; - reads it from standard input."""
    from lamina.layer.create import layer_directory
    from lamina.layer.paper.restore import (
        RestoreRequest,
        plan_restore,
        plan_value,
        render_plan,
    )
    from lamina.layer.paper.restore import restore as act

    _refuse_mixtures(flat=flat, base=base, python=python, unpatched=unpatched)
    request = RestoreRequest(
        lock=_paper(lockfile),
        directory=layer_directory(directory),
        root=root,
        environ=environment(),
        on=base,
        flat=flat,
        unpatched=unpatched,
        python=python,
        links=links,
        indexes=_addresses(indexes),
        channels=_channels(channels),
    )
    plan = plan_restore(request)
    if not dry_run:
        act(plan)
    text = render_plan(plan)
    if not dry_run:
        text += f"\n{activation_hint(str(request.directory))}"
    output.result(text, plan_value(plan) | {"done": not dry_run})


def _refuse_mixtures(*, flat: bool, base: str | None, python: Path | None, unpatched: bool) -> None:
    if flat and base is not None:
        raise click.UsageError("--flat stands on no base: leave --on out.")
    if python is not None and not flat:
        raise click.UsageError("--python is for --flat; a layer has the interpreter of its base.")
    if unpatched and not flat:
        raise click.UsageError("--unpatched is for --flat; a base has what it did to its packages.")


def _paper(given: str) -> PaperLock:
    from lamina.layer.paper.document import parse_paper
    from lamina.model.document import read_document

    if given == "-":
        return parse_paper(sys.stdin.read(), "standard input")
    return parse_paper(read_document(Path(given)), given)


def _channels(given: tuple[str, ...]) -> dict[str, str]:
    from lamina.model.conda_fields import parse_channel

    found = {}
    for text in given:
        name, separator, address = text.rpartition("=")
        try:
            found[parse_channel(name)] = parse_channel(address)
        except ValueError as error:
            raise click.UsageError(f"--channel {text}: {error}") from error
        if not separator:
            raise click.UsageError(f"--channel {text}: not CHANNEL=ADDRESS.")
    return found


def _addresses(given: tuple[str, ...]) -> Mapping[IndexName, str]:
    from lamina.model.names import parse_index_name

    found = {}
    for text in given:
        name, separator, address = text.partition("=")
        if not separator or "://" not in address:
            raise click.UsageError(f"--index {text}: not NAME=ADDRESS.")
        try:
            found[parse_index_name(name)] = address
        except ValueError as error:
            raise click.UsageError(f"--index {text}: {error}") from error
    return found


@click.command()
@_directory
@click.option("--to", required=True, metavar="BASE", help="The new base, as for layer create --on.")
@click.option(
    "--exclude-newer", metavar="DATE", help="Ignore files uploaded after this day or time."
)
@click.option(
    "--discard", is_flag=True, help="Remove the old layer in the end, instead of keeping it."
)
@probe_option
@root_option
@dry_run_option
@output_options
def migrate(
    output: Output,
    *,
    directory: Path | None,
    to: str,
    exclude_newer: str | None,
    root: Path,
    discard: bool,
    probe: bool,
    dry_run: bool,
) -> None:
    """Put the layer DIR, by default the active one, on another base.

    Its requests are resolved again there, and what still fits stays the same file. What would not
    import over the new base is lifted, or nothing is changed. The old layer is kept as
    DIR.before-BASE until you remove it.
    """
    from lamina.layer.migrate import (
        MigrateRequest,
        migrate_layer,
        migration_value,
        render_migration,
    )

    request = MigrateRequest(
        layer=named_layer(directory),
        to=to,
        root=root,
        environ=environment(),
        exclude_newer=exclude_newer,
        dry_run=dry_run,
        discard=discard,
        probe=probe,
    )
    done = migrate_layer(request)
    text = render_migration(done)
    if done.kept is not None and not dry_run:
        text += f"\nthe layer as it was: {done.kept}"
    output.result(text, migration_value(done) | {"done": not dry_run})


@click.command()
@_directory
@root_option
@output_options
def check(output: Output, *, directory: Path | None, root: Path) -> int:
    """Check the layer DIR, by default the active one, and exit with 6 if anything is wrong.

    Its files are hashed again, its base is compared with what it was, requirements are checked
    over base and layer together, and its own packages are imported. Nothing is changed.
    """
    from lamina.core.errors import IntegrityError
    from lamina.layer.check.findings import render_report, report_value
    from lamina.layer.check.run import check_layer

    found = check_layer(named_layer(directory), root=root, environ=environment())
    output.result(render_report(found), report_value(found))
    return 0 if found.sound else IntegrityError.exit_code


@click.command()
@_directory
@click.option("--name", help="Its name for Jupyter [default: from the layer's directory].")
@click.option("--display-name", "title", help="What notebooks show.")
@click.option("--user", "for_user", is_flag=True, help="Register it for you alone (the default).")
@click.option(
    "--prefix",
    type=click.Path(path_type=Path, file_okay=False),
    help="Register it in PREFIX/share/jupyter, for the Jupyter of that prefix.",
)
@click.option("--remove", is_flag=True, help="Take the registration back; the layer stays.")
@dry_run_option
@output_options
def kernel(
    output: Output,
    *,
    directory: Path | None,
    name: str | None,
    title: str | None,
    for_user: bool,
    prefix: Path | None,
    remove: bool,
    dry_run: bool,
) -> None:
    """Register the layer DIR, by default the active one, as a kernel of Jupyter.

    Any Jupyter that reads the directory starts it, that of the base too. ipykernel has to be in
    the layer or in its base.
    """
    from lamina.layer.kernel import (
        kernel_name,
        kernels_directory,
        plan_kernel,
        remove_kernel,
        write_kernel,
    )
    from lamina.layer.opened import open_layer

    if for_user and prefix is not None:
        raise click.UsageError("Name one place: --user or --prefix.")
    environ = environment()
    place = kernels_directory(prefix, environ)
    if remove:
        layer = directory.absolute() if directory else named_layer(None)
        gone = remove_kernel(layer, kernel_name(layer, name), place, dry_run=dry_run)
        output.result(f"removed {gone}", {"removed": str(gone), "done": not dry_run})
        return
    opened = open_layer(named_layer(directory), environ)
    name = kernel_name(opened.path, name)
    planned = plan_kernel(opened, name=name, title=title, directory=place)
    if not dry_run:
        write_kernel(planned)
    shown = f"{planned.name}: {planned.spec['display_name']}\n{planned.path}"
    value = {"name": planned.name, "path": str(planned.path), "spec": dict(planned.spec)}
    output.result(shown, value | {"done": not dry_run})
