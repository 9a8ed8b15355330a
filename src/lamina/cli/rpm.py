"""``lamina export --as rpm``."""

from __future__ import annotations

import functools
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lamina.cli.options import environment
from lamina.core.errors import UsageError
from lamina.core.report import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lamina.cli.options import Output
    from lamina.export.rpm.shape import Split
    from lamina.export.rpm.writing import BuilderName, Written

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class RpmChoice:
    """How RPMs are to be made."""

    split: Split
    prefix: str | None
    builder: BuilderName | None
    side_by_side: bool
    relocatable: bool
    repository: bool


_OPTIONS = (
    click.option(
        "--per-package/--whole",
        "per_package",
        default=True,
        help="One RPM a package and a metapackage that needs them all, or one of everything.",
    ),
    click.option(
        "--prefix",
        metavar="PATH",
        help="Where RPMs install to [default: /opt/lamina/STACK, with --side-by-side below it].",
    ),
    click.option(
        "--with",
        "builder",
        type=click.Choice(["nfpm", "rpmbuild"]),
        help="What builds RPMs [default: nfpm, where it is installed].",
    ),
    click.option(
        "--side-by-side",
        is_flag=True,
        help="Put the release's version into the names of RPMs, so that several are installed.",
    ),
    click.option(
        "--relocatable/--fixed",
        default=True,
        help="RPMs that `rpm --prefix` can install elsewhere, or without a scriptlet.",
    ),
    click.option("--repo", "repository", is_flag=True, help="Make the directory one for dnf."),
)


def rpm_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add them to a command, which gets an RpmChoice."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        per_package: bool,
        prefix: str | None,
        builder: BuilderName | None,
        side_by_side: bool,
        relocatable: bool,
        repository: bool,
        **kwargs: Any,
    ) -> R:
        choice = RpmChoice(
            split="per-package" if per_package else "whole",
            prefix=prefix,
            builder=builder,
            side_by_side=side_by_side,
            relocatable=relocatable,
            repository=repository,
        )
        return command(*args, rpm=choice, **kwargs)

    with_options: Callable[..., R] = wrapped
    for one in reversed(_OPTIONS):
        with_options = one(with_options)
    return with_options


def export_rpm(
    output: Output,
    choice: RpmChoice,
    *,
    source: str | None,
    directory: Path | None,
    root: Path,
    clobbered: bool,
) -> None:
    """Write the RPMs of a release into a directory."""
    from lamina.cli.release import find_release
    from lamina.export.rpm.writing import RpmRequest, write_rpms

    if source is None or directory is None:
        raise UsageError(
            "RPMs are made of a release, and come into a directory",
            hints=["lamina export STACK/VERSION --as rpm -o DIRECTORY"],
        )
    release = find_release(source, root)
    request = RpmRequest(
        release=release,
        directory=directory,
        environ=environment(),
        split=choice.split,
        prefix=choice.prefix,
        side_by_side=choice.side_by_side,
        relocatable=choice.relocatable,
        builder=choice.builder,
        repository=choice.repository,
        clobbered=clobbered,
    )
    written = write_rpms(request)
    output.result(_text(written, directory, choice), _value(written, release.name, directory))


def _text(written: Written, directory: Path, choice: RpmChoice) -> str:
    count, there = len(written.packages), len(written.kept)
    text = f"wrote {counted(count - there, 'RPM')} to {directory}, built by {written.builder}"
    text += f"; {there} of {count} were there already" if there else ""
    if choice.repository:
        address = shlex.quote(directory.absolute().as_uri())
        one = written.metapackage
        # With its version: `dnf upgrade` skips a release in which any package is older.
        name = shlex.quote(f"{one.name}-{one.version}")
        text += f"\ndnf --repofrompath=lamina,{address} --repo=lamina install {name}"
        if choice.relocatable:
            text += "\ninto an empty --installroot, which has no /bin/sh for scriptlets: --fixed"
    return text


def _value(written: Written, name: str, directory: Path) -> dict[str, Any]:
    return {
        "form": "rpm",
        "name": name,
        "output": str(directory),
        "builder": written.builder,
        "prefix": written.prefix,
        "metapackage": written.metapackage.file_name,
        "packages": [
            {
                "file": one.file_name,
                "name": one.name,
                "version": one.full_version,
                "requires": list(one.requires),
                "kept": one.file_name in written.kept,
            }
            for one in written.packages
        ],
    }
