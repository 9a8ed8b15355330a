"""``lamina release diff|why``: what changed from one release to the next, and who wants what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lamina.cli.options import output_options, root_option
from lamina.cli.release import find_release, root_of

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.cli.options import Output


@click.command()
@click.argument("before", metavar="RELEASE")
@click.argument("after", metavar="RELEASE")
@root_option
@output_options
def diff(output: Output, *, before: str, after: str, root: Path) -> None:
    """Show what differs from one RELEASE to another: packages, sizes, licences, programs."""
    from lamina.release.contents import read_contents
    from lamina.release.diff import diff_releases, diff_value, render_diff

    one, other = find_release(before, root), find_release(after, root)
    found = diff_releases(read_contents(one), read_contents(other))
    output.result(render_diff(found), diff_value(found))


@click.command()
@click.argument("release", metavar="RELEASE")
@click.argument("package", metavar="PACKAGE")
@root_option
@output_options
def why(output: Output, *, release: str, package: str, root: Path) -> None:
    """Show why PACKAGE is in RELEASE: the chain from the stack, and who else needs it.

    What a stack that it extends brings is followed into that one's release.
    """
    from lamina.release.contents import read_contents
    from lamina.release.root import open_root
    from lamina.release.why import explain, reason_value, render_reason

    found = find_release(release, root)
    reason = explain(open_root(root_of(found, root)), read_contents(found), package)
    output.result(render_reason(reason), reason_value(reason))
