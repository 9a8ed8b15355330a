"""Write and edit a stack: ``lamina init``, ``lamina add``, ``lamina remove``."""

from __future__ import annotations

import difflib
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lamina.cli.options import (
    Output,
    dry_run_option,
    environment,
    output_options,
    stack_file,
    stack_option,
)
from lamina.core import fs, report
from lamina.core.errors import ConflictError, UsageError
from lamina.model.names import parse_index_name, parse_stack_name
from lamina.model.platforms import Platform, PythonSeries, Target, current_platform
from lamina.model.versions import parse_release_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from packaging.requirements import Requirement

    from lamina.stack.beginning import NewStack
    from lamina.stack.edit import Change, Edit
    from lamina.stack.imported import Imported
    from lamina.stack.places import Place

T = TypeVar("T")

FIRST_VERSION = "0.1.0"
_platform_choice = click.Choice([str(one) for one in Platform])


@click.command()
@click.argument(
    "directory", type=click.Path(path_type=Path, file_okay=False), default=Path(), required=False
)
@click.option("--name", help="Name of the stack [default: the directory's].")
@click.option(
    "--version", default=FIRST_VERSION, show_default=True, help="Version of the next release."
)
@click.option("--python", "python", multiple=True, help="Python series, such as 3.12; repeatable.")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    type=_platform_choice,
    help="Platform to lock for; repeatable [default: this machine's].",
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="What to start from: a requirements file, a pylock.toml, conda's explicit list, "
    "environment.yml or construct.yaml, a pixi.toml or pixi.lock, a cmsdist directory or an"
    " installed prefix.",
)
@dry_run_option
@output_options
def init(output: Output, directory: Path, source: Path | None, **given: Any) -> None:
    """Start a stack: write a lamina.toml with comments into DIRECTORY.

    With --from, what cannot be carried over is said on standard error.
    """
    from lamina.stack.beginning import write_stack
    from lamina.stack.files import STACK_NAME

    path = directory / STACK_NAME
    if path.exists() or path.is_symlink():
        raise ConflictError(f"{path}: there is a stack already", hints=["lamina add NAME"])
    new, imported = _new_stack(directory, source, **given)
    left_behind = list(imported.left_behind)
    text = write_stack(new, path)
    _refuse_to_overwrite(directory, imported.files)
    for line in left_behind:
        report.warn(f"not carried over: {line}")
    if not given["dry_run"]:
        for name, content in {**imported.files, STACK_NAME: text.encode()}.items():
            fs.make_directory((directory / name).parent)
            fs.write_bytes(directory / name, content)
    value = {
        "conda": sorted(new.conda),
        "dry-run": given["dry_run"],
        "file": str(path),
        "name": new.name,
        "not-carried-over": left_behind,
        "packages": sorted(new.packages),
        "text": text,
    }
    number = len(new.packages) + len(new.conda)
    count = f" with {report.counted(number, 'package')}" if number else ""
    said = text.rstrip("\n") if given["dry_run"] else f"wrote {path}{count}; next: lamina add, lock"
    output.result(said, value)


def _refuse_to_overwrite(directory: Path, files: Mapping[str, bytes]) -> None:
    """Raise ConflictError for files that are there with another content."""
    for name, content in files.items():
        there = directory / name
        if there.is_dir() or (there.is_file() and there.read_bytes() != content):
            raise ConflictError(f"{there}: there is another file already")


def _new_stack(directory: Path, source: Path | None, **given: Any) -> tuple[NewStack, Imported]:
    """Return the stack to write, and what it was made from."""
    from lamina.stack.beginning import NewStack, name_from_directory
    from lamina.stack.conda_entries import check_python, conda_entries
    from lamina.stack.imported import Imported, entries_of, one_per_package

    running = PythonSeries(*sys.version_info[:2])
    asked = tuple(_parsed(PythonSeries.parse, one, "--python") for one in given["python"])
    platforms = tuple(map(Platform, dict.fromkeys(given["platforms"])))
    imported = Imported()
    if source is not None:
        imported = _read(source, asked[0] if asked else running, platforms)
    name = given["name"] or name_from_directory(Path(imported.name or directory.resolve()))
    platforms = platforms or imported.platforms or (_this_platform(),)
    python = tuple(sorted(set(asked))) or (imported.python or running,)
    targets = [Target(platform, series) for platform in platforms for series in python]
    imported = one_per_package(imported, targets)
    conda, imported = conda_entries(imported, platforms)
    if (reason := check_python(conda, python)) is not None:
        imported = replace(imported, left_behind=(*imported.left_behind, reason))
        del conda["python"]
    new = NewStack(
        name=_parsed(parse_stack_name, name, "--name"),
        version=_parsed(parse_release_version, given["version"], "--version"),
        python=python,
        platforms=platforms,
        packages=entries_of(imported) | dict(sorted(imported.entries.items())),
        conda=conda,
        channels=imported.channels,
        groups=imported.groups,
        floors=imported.floors,
        virtual=imported.virtual,
        hooks=imported.hooks,
        closed=imported.closed,
    )
    return new, imported


def _read(source: Path, python: PythonSeries, platforms: tuple[Platform, ...]) -> Imported:
    """Read what the stack begins from; the conda engine is loaded for what only it reads."""
    from lamina.stack.sources import PIXI_LOCK, read_source

    if source.name != PIXI_LOCK:
        if source.is_dir():
            platforms = platforms or (_this_platform(),)
        return read_source(source, default_python=python, platforms=platforms)
    from lamina.engines.pixi_lock import read_pixi_lock

    return read_source(source, default_python=python, read_pixi_lock=read_pixi_lock)


def _parsed(parse: Callable[[str], T], text: str, option: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def _this_platform() -> Platform:
    try:
        return current_platform()
    except ValueError as error:
        raise UsageError(str(error), hints=["lamina init --platform linux-64"]) from error


@click.command()
@click.argument("requirements", nargs=-1, required=True)
@click.option("--group", help="Add to this group, not to [packages].")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    type=_platform_choice,
    help="Only on this platform of the stack; repeatable.",
)
@click.option("--prerelease", is_flag=True, help="Allow pre-releases of it.")
@click.option("--index", help="The one index it is taken from, a name in [resolve] indexes.")
@click.option("--source", is_flag=True, help="Build it from its source distribution.")
@click.option("--conda", is_flag=True, help="Add to [conda]: packages of channels.")
@click.option("--channel", help="With --conda: the one channel it is taken from.")
@stack_option
@dry_run_option
@output_options
def add(
    output: Output,
    requirements: tuple[str, ...],
    stack_path: Path | None,
    *,
    dry_run: bool,
    **said: Any,
) -> None:
    """Add packages to the stack, or change what it asks of them.

    REQUIREMENTS are as for pip: 'numpy>=2,<3' 'pyhf[minuit]'; with --conda, as for conda:
    'gfal2>=2.23'. What a package has beside its range stays, and so do comments.

    'ours @ git+https://host/ours.git@v1.4' is a package of a git repository, ./vendor/ours one of a
    directory below that of lamina.toml, or of a wheel or source distribution there. Where no name
    is given, the sources are looked at for theirs.
    """
    if said["conda"]:
        _add_conda(output, requirements, stack_path, dry_run=dry_run, **said)
        return
    if said["channel"] is not None:
        raise UsageError("--channel: only packages of channels have one", hints=["--conda"])
    from packaging.utils import canonicalize_name

    from lamina.stack.edit import Addition, add_requirements
    from lamina.stack.places import parse_asked

    index = said["index"]
    listed, places = parse_asked(requirements)
    if places and (wrong := [f"--{key}" for key in ("group", "index") if said[key] is not None]):
        raise UsageError(
            f"{', '.join(wrong)}: not with {places[0].text}: [packages] alone says where a package"
            " comes from, and such a one is of no index"
        )
    found = _find_places(places, stack_path)
    addition = Addition(
        requirements=(*listed, *(one for one, _ in found)),
        places={canonicalize_name(one.name): fields for one, fields in found},
        group=said["group"],
        platforms=tuple(map(Platform, dict.fromkeys(said["platforms"]))),
        prerelease=said["prerelease"],
        index=None if index is None else _parsed(parse_index_name, index, "--index"),
        source=said["source"],
    )
    _edit(
        output, stack_path, lambda text, path: add_requirements(text, addition, path=path), dry_run
    )


def _find_places(
    places: Sequence[Place], stack_path: Path | None
) -> list[tuple[Requirement, dict[str, str]]]:
    """Return the packages of repositories and paths, with their fields."""
    if not places:
        return []
    from lamina.resolve.places import Visit

    top = stack_file(stack_path).resolve().parent
    visit = Visit(top=top, here=Path.cwd(), environ=environment())
    return [visit.find(one) for one in places]


def _add_conda(
    output: Output,
    specs: tuple[str, ...],
    stack_path: Path | None,
    *,
    dry_run: bool,
    **said: Any,
) -> None:
    from lamina.stack.edit_conda import CondaAddition, add_conda, parse_wishes

    if wrong := [f"--{key}" for key in ("group", "prerelease", "index", "source") if said[key]]:
        raise UsageError(f"{', '.join(wrong)}: not with --conda, packages of channels have none")
    addition = CondaAddition(
        wishes=parse_wishes(specs),
        platforms=tuple(map(Platform, dict.fromkeys(said["platforms"]))),
        channel=said["channel"],
    )
    _edit(output, stack_path, lambda text, path: add_conda(text, addition, path=path), dry_run)


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--group", help="Take out of this group, not out of [packages].")
@click.option("--conda", is_flag=True, help="Take out of [conda].")
@stack_option
@dry_run_option
@output_options
def remove(
    output: Output,
    names: tuple[str, ...],
    stack_path: Path | None,
    *,
    dry_run: bool,
    group: str | None,
    conda: bool,
) -> None:
    """Take packages out of the stack."""
    from lamina.stack.edit import remove_packages
    from lamina.stack.edit_conda import remove_conda

    if conda and group is not None:
        raise UsageError("--group: not with --conda, there are no groups of such packages")
    if conda:
        _edit(output, stack_path, lambda text, path: remove_conda(text, names, path=path), dry_run)
        return
    _edit(
        output,
        stack_path,
        lambda text, path: remove_packages(text, names, group=group, path=path),
        dry_run,
    )


def _edit(
    output: Output,
    stack_path: Path | None,
    change: Callable[[str, Path], Edit],
    dry_run: bool,  # noqa: FBT001
) -> None:
    """Apply a change to a stack's text, write it in one step and say what changed."""
    from lamina.model.document import read_document

    path = stack_file(stack_path).resolve()
    with fs.exclusive(path.parent):
        before = read_document(path)
        edit = change(before, path)
        if not dry_run and edit.text != before:
            fs.write_text(path, edit.text, mode=stat.S_IMODE(path.stat().st_mode))
    difference = _difference(before, edit.text, path.name)
    value = {
        "changes": [_as_json(one) for one in edit.changes],
        "diff": difference,
        "dry-run": dry_run,
        "file": str(path),
    }
    said = difference.rstrip("\n") if dry_run else "\n".join(map(_as_text, edit.changes))
    output.result(said, value)


def _difference(before: str, after: str, name: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)


def _as_text(change: Change) -> str:
    _, _, group = change.where.partition(".")
    place = f"[groups] {group}" if group else f"[{change.where}]"
    line = change.text if group else f"{change.name} = {_quoted(change.text)}"
    word = {"added": "to", "removed": "from"}.get(change.action, "in")
    return f"{change.action} {word} {place}: {line}"


def _quoted(value: str) -> str:
    return value if value.startswith("{") else f'"{value}"'


def _as_json(change: Change) -> dict[str, str]:
    return {
        "action": change.action,
        "name": change.name,
        "value": change.text,
        "where": change.where,
    }
