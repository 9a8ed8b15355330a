"""``lamina release verify``: whether releases are what was published."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

import click

from lamina.cli.options import environment, output_options, root_option, signers_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lamina.cli.options import Output
    from lamina.release.mtree import Identity
    from lamina.release.root import Release
    from lamina.release.verify import Findings


_MOST_LINES = 40
"""Of differences, for people; ``--json`` has them all."""


@click.command()
@click.argument("releases", nargs=-1, metavar="[RELEASE|PATH]...")
@click.option("--all", "everything", is_flag=True, help="Every release of the root.")
@signers_option
@root_option
@output_options
def verify(
    output: Output, *, releases: tuple[str, ...], everything: bool, signers: Path | None, root: Path
) -> int:
    """Hash every file of RELEASE and compare with what was published; exit 6 if they differ.

    PATH is where a release is: in a root, mounted, installed or unpacked. A file that several
    releases share is read once.
    """
    from lamina.core import report
    from lamina.core.errors import IntegrityError

    seen: dict[Identity, str] = {}
    found = _named(releases, root, everything=everything)
    alone = len(found) == 1 and not everything
    told = [_verified(one, signers, seen, alone=alone) for one in found]
    texts = [text for text, _ in told]
    values = [value for _, value in told]
    sound = all(value["sound"] for value in values)
    for one, value in zip(found, values, strict=True):
        if value["sound"] and value["names"]:
            report.warn(_was_moved(one, value["names"]))
    output.result("\n".join(texts), values[0] if alone else {"releases": values, "sound": sound})
    for one, value in zip(found, values, strict=True):
        if not value["sound"] and "error" not in value:
            report.note(_how_to_mend(one, root, value))
    return 0 if sound else IntegrityError.exit_code


def _was_moved(release: Release, named: str) -> str:
    from lamina.export.launcher import LAUNCHER_NAME

    launcher = shlex.quote(str(release.prefix / LAUNCHER_NAME))
    return f"{release.prefix}: its files name {named}; after a move, run {launcher}"


def _how_to_mend(release: Release, root: Path, value: Mapping[str, Any]) -> str:
    from lamina.export.launcher import LAUNCHER_NAME, PACK_NAME
    from lamina.model.platforms import current_platform
    from lamina.release.root import Root, look_for_root, root_around

    place = str(release.prefix)
    if PACK_NAME in value["extra"]:
        launcher = shlex.quote(str(release.prefix / LAUNCHER_NAME))
        return f"unpacked, and not made to work where it is yet: {launcher}"
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return f"{place} is read-only: it is mended where it was made"
    around = root_around(release)
    if around is None:
        opened, there = look_for_root(root)
        if not there and not (value["missing"] or value["changed"]):
            return "it has all that was published: what is extra is of no use to it, and may go"
        if not there:
            return "it is in no root, which would have what it lacks: get it once more"
        return f"to mend it: {opened.hint('repair', place)}"
    # By its name, the one of this machine would be meant.
    name = release.name if release.platform is current_platform() else place
    return f"to mend it: {Root(around).hint('repair', name)}"


def _named(names: Sequence[str], root: Path, *, everything: bool) -> list[Release]:
    from lamina.cli.release import find_release
    from lamina.core.errors import UsageError
    from lamina.release.root import open_root

    if everything == bool(names):
        raise UsageError("name releases, or --all", hints=["lamina release verify --all"])
    if not everything:
        return [find_release(one, root) for one in names]
    opened = open_root(root)
    return [*opened.releases(), *opened.without_manifest()]


def _verified(
    release: Release, signers: Path | None, seen: dict[Identity, str], *, alone: bool
) -> tuple[str, dict[str, Any]]:
    """Return what was found, for people and as a JSON value.

    Of several, one whose listing or manifest is not to be trusted does not end it all.
    """
    from lamina.core.errors import DocumentError, IntegrityError
    from lamina.export.unpacked import named_place
    from lamina.release.verify import verify_release, verify_signature

    value = {
        "release": release.name,
        "platform": str(release.platform),
        "prefix": str(release.prefix),
    }
    try:
        signed = verify_signature(release, signers, environ=environment()) if signers else None
        findings = verify_release(release, seen=seen)
        named = named_place(release.prefix)
    except (DocumentError, IntegrityError) as error:
        if alone:
            raise
        text = f"{release.name} is not as published\n{error.message}"
        return text, value | {"sound": False, "error": error.message}
    return _text(release, findings, signed), value | {
        "files": findings.files,
        "sound": findings.sound,
        "signed-by": signed,
        "changed": list(findings.changed),
        "missing": list(findings.missing),
        "extra": list(findings.extra),
        "names": named,
    }


def _text(release: Release, findings: Findings, signed: str | None) -> str:
    from lamina.export.launcher import PACK_NAME

    if PACK_NAME in findings.extra:
        return f"{release.name} is not as published yet"
    if not findings.sound:
        return "\n".join([f"{release.name} is not as published", *findings.lines(_MOST_LINES)])
    text = f"{release.name}: {findings.files} files, links and directories as published"
    return text + (f", signed by {signed}" if signed else "")
