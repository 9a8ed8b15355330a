"""``lamina layer``: your own environment over a release, or over any other Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.app import LazyGroup
from lamina.cli.layer_conda import (
    CondaOptions,
    change_conda_packages,
    channel_option,
    check_conda_options,
    conda_name_option,
    conda_option,
    flat_option,
)
from lamina.cli.options import (
    dry_run_option,
    environment,
    given_options,
    output_options,
    probe_option,
    root_option,
)
from lamina.cli.quick import activation_hint

if TYPE_CHECKING:
    from lamina.cli.options import Output

_HERE = "lamina.cli.layer"
_COMMANDS = {
    "create": (f"{_HERE}:create", "Make a layer over a release or any other Python."),
    "add": (f"{_HERE}:add", "Add packages: plan first, then install the difference."),
    "remove": (f"{_HERE}:remove", "Take back requests, and what was lifted for them."),
    "list": (f"{_HERE}:list_", "List the layer's own packages and what they hide."),
    "show": (f"{_HERE}:show", "Show the base, the requests and the size."),
    "why": (f"{_HERE}:why", "Say why a package is there: who asked, who needs it."),
    "lock": (f"{_HERE}_state:lock", "Write the layer as one document to keep."),
    "restore": (f"{_HERE}_state:restore", "Make a layer again from such a document."),
    "check": (f"{_HERE}_state:check", "Check files, base, requirements and imports."),
    "migrate": (f"{_HERE}_state:migrate", "Put the layer on another base, with a diff."),
    "share": (f"{_HERE}_share:share", "Make the layer known to the librarians of its base."),
    "index": (f"{_HERE}_index:index", "Have it start quickly on a base that is no release."),
    "kernel": (f"{_HERE}_state:kernel", "Register the layer as a kernel of Jupyter."),
}
_exclude_newer = click.option(
    "--exclude-newer", metavar="DATE", help="Ignore files uploaded after this day or time."
)


@click.group(cls=LazyGroup, table=_COMMANDS)
def layer() -> None:
    """Your own environment over a release, or over any other Python."""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--on",
    "base",
    required=True,
    metavar="BASE",
    help="What it stands on: stack@tier, stack/version, stack; the path of a prefix or of another "
    "layer; or env, the environment as it is set up now.",
)
@root_option
@output_options
def create(output: Output, directory: Path, base: str, root: Path) -> None:
    """Make a layer over a release or any other Python."""
    from lamina.layer.base import find_place, look_at
    from lamina.layer.create import create_layer, layer_directory, watched_by
    from lamina.layer.memo import remember

    environ = environment()
    target = layer_directory(directory)
    place = find_place(base, root=root, environ=environ)
    found = look_at(place, environ=environ)
    seed = create_layer(target, found)
    chosen = str(root) if given_options(["root"]) else None
    if place.lasting:
        remember(base, chosen, environ, seed, watched_by(found, seed, root))
    value = {
        "layer": str(target),
        "base": {"kind": place.kind, "prefix": str(place.prefix), "release": place.release},
        "python": found.probe.version,
    }
    output.result(activation_hint(str(target)), value)


@click.command()
@click.argument("words", nargs=-1, metavar="[DIR] [REQUIREMENT]...")
@conda_option
@channel_option
@flat_option
@_exclude_newer
@probe_option
@dry_run_option
@output_options
def add(
    output: Output,
    *,
    words: tuple[str, ...],
    conda: tuple[str, ...],
    channels: tuple[str, ...],
    flat: str | None,
    exclude_newer: str | None,
    probe: bool,
    dry_run: bool,
) -> None:
    """Add packages to the layer DIR, by default the active one.

    Base, layer and request are resolved together; what the base has and still fits is left alone.
    Conda packages of the base are never replaced: only those come in that it does not have.
    """
    directory, requirements = _directory_and_rest(words)
    if check_conda_options(conda, requirements, channels, flat):
        more = CondaOptions(
            add=conda, channels=channels, exclude_newer=exclude_newer, dry_run=dry_run, flat=flat
        )
        change_conda_packages(output, directory, more)
        return
    if not requirements:
        raise click.UsageError("Name at least one requirement, such as 'numpy>=2'.")
    options = _Options(exclude_newer=exclude_newer, dry_run=dry_run, probe=probe)
    _change(output, directory, requirements, (), options)


@click.command()
@click.argument("words", nargs=-1, metavar="[DIR] [NAME]...")
@conda_name_option
@_exclude_newer
@probe_option
@dry_run_option
@output_options
def remove(
    output: Output,
    *,
    words: tuple[str, ...],
    conda: tuple[str, ...],
    exclude_newer: str | None,
    probe: bool,
    dry_run: bool,
) -> None:
    """Take back requests of the layer DIR, by default the active one."""
    directory, names = _directory_and_rest(words)
    if check_conda_options(conda, names):
        more = CondaOptions(remove=conda, exclude_newer=exclude_newer, dry_run=dry_run)
        change_conda_packages(output, directory, more)
        return
    if not names:
        raise click.UsageError("Name at least one package.")
    options = _Options(exclude_newer=exclude_newer, dry_run=dry_run, probe=probe)
    _change(output, directory, (), names, options)


@click.command("list")
@click.argument("directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--all", "everything", is_flag=True, help="With the packages of the base.")
@output_options
def list_(output: Output, directory: Path | None, *, everything: bool) -> None:
    """List the packages of the layer DIR, by default the active one."""
    from lamina.layer.listing import list_packages, render_rows, row_value
    from lamina.layer.opened import open_layer

    opened = open_layer(_directory(directory), environment())
    rows = list_packages(opened, everything=everything)
    output.result(render_rows(rows), {"packages": [row_value(row) for row in rows]})


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@output_options
def show(output: Output, directory: Path | None) -> None:
    """Show what the layer DIR, by default the active one, stands on."""
    from lamina.layer.listing import describe_layer, render_description
    from lamina.layer.opened import open_layer

    value = describe_layer(open_layer(_directory(directory), environment()))
    output.result(render_description(value), value)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[DIR] PACKAGE")
@output_options
def why(output: Output, words: tuple[str, ...]) -> None:
    """Say why a package is in the layer DIR, by default the active one, or in its base."""
    from lamina.layer.opened import open_layer
    from lamina.layer.why import explain_package, explanation_value, render_explanation

    directory, names = _directory_and_rest(words)
    if len(names) != 1:
        raise click.UsageError("Name one package.")
    found = explain_package(open_layer(directory, environment()), names[0])
    output.result(render_explanation(found), explanation_value(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    exclude_newer: str | None
    dry_run: bool
    probe: bool


def _change(
    output: Output,
    directory: Path,
    requirements: tuple[str, ...],
    names: tuple[str, ...],
    options: _Options,
) -> None:
    from lamina.layer.change import Request, change_layer
    from lamina.layer.plan import plan_value, render_plan

    request = Request(
        layer=directory,
        add=requirements,
        remove=names,
        exclude_newer=options.exclude_newer,
        dry_run=options.dry_run,
        probe=options.probe,
    )
    plan = change_layer(request, environment())
    value = {"layer": str(directory), "done": not options.dry_run, **plan_value(plan)}
    output.result(render_plan(plan), value)


def _directory_and_rest(words: tuple[str, ...]) -> tuple[Path, tuple[str, ...]]:
    """Tell the layer from the requirements: a first word that is a layer, or looks like a path."""
    from lamina.layer.base import active_layer, find_layer, is_layer

    if not words:
        return active_layer(environment()), ()
    first = words[0]
    if is_layer(Path(first).expanduser()) or first.startswith(("/", "./", "../", "~")):
        return find_layer(Path(first)), words[1:]
    return active_layer(environment(), first=first), words


def _directory(given: Path | None) -> Path:
    from lamina.layer.base import active_layer, find_layer

    return find_layer(given) if given is not None else active_layer(environment())
