"""``lamina release audit``: what is known today of the packages of a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.options import output_options, root_option, stack_file, stack_option
from lamina.cli.release import find_release

if TYPE_CHECKING:
    from lamina.cli.options import Output


@click.command()
@click.argument("release", metavar="RELEASE")
@click.argument("database", metavar="DB", type=click.Path(path_type=Path))
@stack_option
@root_option
@output_options
def audit(
    output: Output, *, release: str, database: Path, stack_path: Path | None, root: Path
) -> None:
    """Look up known vulnerabilities of RELEASE in DB, an OSV database; exit 4 if there are any.

    DB is a directory of OSV documents, or a zip of them. What is accepted, and which ranges the
    stack has, is read from the release; with --stack, from the lamina.toml of today.
    """
    from lamina.lock.files import LOCK_NAME, load_lock
    from lamina.model.platforms import Target
    from lamina.release.root import KEPT_STACK_NAME
    from lamina.resolve.audit.audit import audit as look_up
    from lamina.stack.files import load_stack

    found = find_release(release, root)
    target = Target(found.platform, found.manifest().python.series)
    path = found.internal / KEPT_STACK_NAME if stack_path is None else stack_file(stack_path)
    lock = load_lock(found.internal / LOCK_NAME)
    audited = look_up(load_stack(path), lock, database, targets=(target,))
    output.result("\n".join(audited.lines()), {"release": found.name} | audited.as_json())
    if (error := audited.error()) is not None:
        raise error
