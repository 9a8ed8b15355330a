"""``lamina version``: what the next release is called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lamina.cli.app import LazyGroup
from lamina.cli.options import (
    environment,
    output_options,
    root_option,
    stack_file,
    stack_option,
)
from lamina.stack.bump import PARTS

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.cli.options import Output
    from lamina.model.versions import ReleaseVersion
    from lamina.release.root import Root
    from lamina.stack.bump import Part, Reason
    from lamina.stack.document import Stack

_COMMANDS = {
    "show": ("lamina.cli.version:show", "Show the version that the stack has now."),
    "next": ("lamina.cli.version:next_version", "Show the next version, or write it down."),
    "latest": ("lamina.cli.version:latest", "Show the newest release of a stack or a series."),
    "convert": ("lamina.cli.version:convert", "Write a version in DIRAC's way, or in PEP 440's."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def version() -> None:
    """Say what a release is called."""


@click.command()
@stack_option
@output_options
def show(output: Output, stack_path: Path | None) -> None:
    """Show the version that a release of the stack would have now."""
    path = stack_file(stack_path)
    found = _version_now(path)
    output.result(found, {"version": found, "dirac": _dirac(found)})


@click.command("next")
@click.option(
    "--bump",
    "part",
    type=click.Choice((*PARTS, "auto")),
    default="auto",
    help="What to count up [default: auto, by what has changed in lamina.toml].",
)
@click.option(
    "--since", metavar="RELEASE", help="Count from this release [default: the newest of the stack]."
)
@click.option("--write", is_flag=True, help="Write it into lamina.toml.")
@root_option
@stack_option
@output_options
def next_version(
    output: Output,
    *,
    part: str,
    since: str | None,
    write: bool,
    root: Path,
    stack_path: Path | None,
) -> None:
    """Show the next version.

    auto: major when a package is gone or begins where its old range has ended, minor for a new one,
    patch for another lower bound, build (a post-release) for any other change of a range.
    """
    from lamina.core import fs
    from lamina.core.errors import UsageError
    from lamina.stack.bump import bump
    from lamina.stack.edit import set_version

    path = stack_file(stack_path)
    now, before = _before(path, root, since)
    reasons: list[Reason] = []
    chosen: Part
    if part == "auto":
        reasons = _reasons(path, before)
        if not reasons:
            raise UsageError(f"{path}: asks for the same as {now}: nothing to count up")
        chosen = reasons[0].part
    else:
        chosen = part  # type: ignore[assignment]
    after = bump(now, chosen)
    if write:
        edit = set_version(path.read_text(encoding="utf-8"), after, path=path)
        fs.write_text(path, edit.text)
    value = {
        "from": now,
        "version": after,
        "part": chosen,
        "reasons": [{"part": one.part, "text": one.text} for one in reasons],
        "written": write,
    }
    output.result("\n".join([after, *(f"  {one.part}: {one.text}" for one in reasons)]), value)


@click.command()
@click.argument("stack")
@click.option("--series", metavar="X.Y", help="Only of versions that begin so; v7r3 is fine too.")
@root_option
@output_options
def latest(output: Output, *, stack: str, series: str | None, root: Path) -> None:
    """Show the newest release of STACK, pre-releases and retired ones only for want of others."""
    from lamina.core.errors import UsageError
    from lamina.model.dirac import from_dirac, is_dirac
    from lamina.model.names import parse_stack_name
    from lamina.release.root import open_root

    try:
        name = parse_stack_name(stack)
    except ValueError as error:
        raise UsageError(str(error)) from error
    wanted = from_dirac(series).removesuffix(".0") if series and is_dirac(series) else series
    opened = open_root(root)
    versions = {one.version for one in opened.releases(name)}
    if wanted is not None:
        versions = {one for one in versions if _begins(one, wanted)}
    if not versions:
        there = f"{stack}: no release" + (f" of the series {series}" if series else "")
        raise UsageError(f"{opened.path}: {there}", hints=[opened.hint("list")])
    found = opened.newest(name, versions)
    output.result(found, {"stack": name, "version": found, "dirac": _dirac(found)})


@click.command()
@click.argument("text", metavar="VERSION")
@output_options
def convert(output: Output, text: str) -> None:
    """Write DIRAC's v7r3p2-pre6 as 7.3.2a6, and 7.3.2a6 as v7r3p2-pre6."""
    from lamina.core.errors import UsageError
    from lamina.model.dirac import from_dirac, is_dirac, to_dirac

    try:
        found = from_dirac(text) if is_dirac(text) else to_dirac(text)
    except ValueError as error:
        raise UsageError(str(error)) from error
    output.result(found, {"from": text, "to": found})


def _begins(version: str, series: str) -> bool:
    """Tell whether a version is of a series: by numbers, so that 2026.07 is 2026.7."""
    from packaging.version import InvalidVersion, Version

    from lamina.core.errors import UsageError

    try:
        wanted = Version(series).release
    except InvalidVersion:
        raise UsageError(f"{series!r} is no series such as 7.3 or v7r3") from None
    have = Version(version).release
    return (*have, *[0] * len(wanted))[: len(wanted)] == wanted


def _dirac(text: str) -> str | None:
    from lamina.model.dirac import to_dirac

    try:
        return to_dirac(text)
    except ValueError:
        return None


def _version_now(path: Path) -> ReleaseVersion:
    from lamina.engines.git import GitProgram
    from lamina.stack.files import load_stack
    from lamina.stack.version import resolve_version

    history = GitProgram(environ=environment())
    return resolve_version(
        load_stack(path), path.parent, history=history, clock=lambda: datetime.now(UTC)
    )


def _before(path: Path, root: Path, since: str | None) -> tuple[ReleaseVersion, Stack | None]:
    """Return the version to count from, and the stack of that release where there is one."""
    from lamina.cli.release import find_release
    from lamina.model.versions import version_key
    from lamina.release.root import KEPT_STACK_NAME, look_for_root
    from lamina.stack.files import load_stack

    stack = load_stack(path)
    if since is not None:
        found = find_release(since, root)
        return found.version, load_stack(found.internal / KEPT_STACK_NAME)
    opened: Root = look_for_root(root)[0]
    versions = {one.version: one for one in opened.releases(stack.stack.name)}
    if not versions:
        return _version_now(path), None
    # Retired ones as well: their numbers are taken.
    final = [one for one in versions if not version_key(one).is_prerelease]
    newest = versions[max(final or versions, key=version_key)]
    return newest.version, load_stack(newest.internal / KEPT_STACK_NAME)


def _reasons(path: Path, before: Stack | None) -> list[Reason]:
    from lamina.core.errors import UsageError
    from lamina.stack.bump import reasons_for
    from lamina.stack.files import load_stack

    if before is None:
        raise UsageError(
            "there is no release yet to compare with", hints=["say what to count up: --bump PART"]
        )
    return reasons_for(before, load_stack(path))
