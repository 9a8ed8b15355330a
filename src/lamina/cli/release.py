"""``lamina release``: what is published, and whether it is still what was published."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.app import LazyGroup
from lamina.cli.options import output_options, root_option

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.cli.options import Output
    from lamina.core.errors import UsageError
    from lamina.model.names import PackageName, StackName
    from lamina.model.references import ReleaseReference
    from lamina.release.manifest import Manifest
    from lamina.release.root import Release, Root

_COMMANDS = {
    "list": ("lamina.cli.release:list_releases", "List releases."),
    "show": ("lamina.cli.release:show", "Show a release: packages, Python, tests, size."),
    "diff": ("lamina.cli.compare:diff", "Show what differs between two releases."),
    "why": ("lamina.cli.compare:why", "Show why a package is in a release."),
    "audit": ("lamina.cli.audit:audit", "Look up known vulnerabilities of a release."),
    "verify": ("lamina.cli.integrity:verify", "Hash installed releases again."),
    "repair": ("lamina.cli.repair:repair", "Make a release again what was published."),
    "promote": ("lamina.cli.tiers:promote", "Point a tier to a release."),
    "rollback": ("lamina.cli.tiers:rollback", "Point a tier to the release before."),
    "drop": ("lamina.cli.tiers:drop", "Remove a tier; its release stays."),
    "retire": ("lamina.cli.tiers:retire", "Take a release out of service."),
    "impact": ("lamina.cli.collect:impact", "Show what a release means for shared layers."),
    "gc": ("lamina.cli.collect:gc", "Remove the releases that nobody needs."),
    "history": ("lamina.cli.tiers:history", "Show who moved what, when and why."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def release() -> None:
    """List, show, verify and promote releases."""


@click.command("list")
@click.argument("stack", required=False)
@root_option
@output_options
def list_releases(output: Output, stack: str | None, root: Path) -> None:
    """List releases, of all stacks or of STACK, the oldest first."""
    from lamina.core.errors import UsageError
    from lamina.model.names import parse_stack_name
    from lamina.release.history import retired
    from lamina.release.root import open_root

    opened = open_root(root)
    try:
        name = parse_stack_name(stack) if stack else None
    except ValueError as error:
        raise UsageError(str(error)) from error
    found = opened.releases(name)
    if stack and not found:
        # Says what there is.
        opened.find(parse_reference(stack))
    stacks = {release.stack for release in found}
    tiers = {one: opened.tiers(one) for one in stacks}
    out = {one: retired(opened.path, one) for one in stacks}
    _warn_of_losses(opened, found, name)

    def pointing(release: Release) -> list[str]:
        named = tiers[release.stack].items()
        return [name for name, version in named if version == release.version]

    def remarks(release: Release) -> str:
        said = [*pointing(release), *(["retired"] if release.version in out[release.stack] else [])]
        return f"  ({', '.join(said)})" if said else ""

    output.result(
        "\n".join(f"{one.name}  {one.platform}  {one.prefix}{remarks(one)}" for one in found)
        or f"{opened.path}: no releases",
        {
            "root": str(opened.path),
            "releases": [
                {
                    "release": one.name,
                    "stack": one.stack,
                    "version": one.version,
                    "platform": str(one.platform),
                    "prefix": str(one.prefix),
                    "tiers": pointing(one),
                    "retired": one.version in out[one.stack],
                }
                for one in found
            ],
        },
    )


def _warn_of_losses(root: Root, found: Iterable[Release], stack: StackName | None) -> None:
    """Warn of what is in a list of releases no longer, and should be."""
    from lamina.core import report

    for lost in root.without_manifest(stack):
        report.warn(f"{lost.prefix}: not empty, and no release: its manifest is missing")
    there = {(one.stack, one.version) for one in found}
    for owner in sorted({one for one, _ in there}):
        for tier, version in root.tiers(owner).items():
            if (owner, version) not in there:
                report.warn(f"{owner}@{tier} names {version}, which is not there")


@click.command()
@click.argument("release", metavar="RELEASE|PATH")
@root_option
@output_options
def show(output: Output, release: str, root: Path) -> None:
    """Show RELEASE: stack, stack/version or stack@tier, or the PATH where one is."""
    from lamina.release.contents import licences_of
    from lamina.release.licences import summary_of
    from lamina.release.lineage import lineage, lineage_value, render_lineage
    from lamina.release.mtree import MTREE_NAME, parse_listing, read_listing
    from lamina.release.reports import kept_report
    from lamina.release.root import open_root

    found = find_release(release, root)
    opened = open_root(root_of(found, root))
    tested = kept_report(opened, found)
    parents = lineage(opened, found)
    manifest = found.manifest()
    listing = found.internal / MTREE_NAME
    entries = parse_listing(read_listing(listing), listing).values()
    files = [one for one in entries if one.kind == "file"]
    size = sum(one.size for one in files)
    licences = licences_of(found, manifest)
    value = manifest.model_dump(mode="json", by_alias=True) | {
        "licences": summary_of(licences.values()),
        "release": found.name,
        "prefix": str(found.prefix),
        "files": len(files),
        "size": size,
        "extends": lineage_value(parents),
        "report": tested,
    }
    text = _described(found, manifest, len(files), size)
    chain = ["extends", *render_lineage(parents)] if parents else []
    if tested is not None:
        text += f"\ntested    {tested.get('tested')}: {tested.get('summary')}"
    output.result("\n".join([text, *_licence_lines(licences), *chain]), value)


def _licence_lines(licences: Mapping[PackageName, str]) -> list[str]:
    """Return a line for each licence, with the packages of which none is known."""
    from lamina.release.licences import UNKNOWN, summary_of

    counted = summary_of(licences.values())
    unknown = ", ".join(sorted(name for name, one in licences.items() if one == UNKNOWN))
    return [
        f"licences  {len(counted.keys() - {UNKNOWN})}",
        *(
            f"  {one} {count}{f': {unknown}' if one == UNKNOWN else ''}"
            for one, count in counted.items()
        ),
    ]


def _described(release: Release, manifest: Manifest, files: int, size: int) -> str:
    python = manifest.python
    march = f", {manifest.micro_architecture}" if manifest.micro_architecture else ""
    tests = {
        "none": "the stack has none",
        "skipped": "skipped",
        "namespace": f"{len(manifest.tests)} passed",
        "staging": f"{len(manifest.tests)} passed, in the staging directory",
    }[manifest.tested]
    return "\n".join(
        [
            f"release   {release.name} for {manifest.platform}{march}",
            f"prefix    {release.prefix}",
            f"created   {manifest.created:%Y-%m-%d %H:%M:%S} UTC",
            f"python    {python.version}, "
            + ("with a copy inside" if python.bundled else python.interpreter),
            f"tests     {tests}",
            f"size      {size / 1e6:.1f} MB in {files} files",
            f"lock      {manifest.lock_digest}",
            f"made by   lamina {manifest.tools.lamina}, uv {manifest.tools.uv}",
            f"packages  {len(manifest.files)}",
            *(f"  {one.name} {one.version} {one.build}, conda" for one in manifest.conda),
            *(f"  {one.name} {one.version}" for one in manifest.packages),
        ]
    )


def find_release(text: str, root: Path) -> Release:
    """Return the release that a user names, or whose prefix it is; raises UsageError."""
    from lamina.core.errors import UsageError
    from lamina.layer.base import is_layer
    from lamina.release.root import open_root, release_at

    if there := release_at(Path(text)):
        return there
    if _is_path(text):
        raise _no_release_at(Path(text))
    try:
        reference = parse_reference(text)
        return open_root(root).find(reference)
    except UsageError:
        if is_layer(Path(text)):
            raise _no_release_at(Path(text)) from None
        raise


def root_of(release: Release, root: Path) -> Path:
    """Return the root of a release, which is another than ``root`` where a directory was named."""
    from lamina.release.root import root_around

    return root_around(release) or root


def own_root_of(release: Release) -> Path:
    """Return the root that a release stands in, which is to change; raises UsageError for none."""
    from lamina.core.errors import UsageError
    from lamina.release.root import root_around

    root = root_around(release)
    if root is None:
        raise UsageError(
            f"{release.prefix}: it is in no root, and only a root keeps that",
            hints=["lamina import makes a pack or image of it a release of a root"],
        )
    return root


def _is_path(text: str) -> bool:
    """Tell a path from the name of a release, which has one slash at most."""
    return text.startswith((".", "/", "~")) or text.endswith("/") or text.count("/") > 1


def _no_release_at(path: Path) -> UsageError:
    from lamina.core.errors import UsageError
    from lamina.layer.base import is_layer

    if not path.exists():
        return UsageError(f"{path}: no such directory")
    if is_layer(path):
        return UsageError(
            f"{path}: a layer, and this is about releases",
            hints=[f"lamina layer check {shlex.quote(str(path))}"],
        )
    return UsageError(
        f"{path}: no release of lamina", hints=["name the directory that .lamina is in"]
    )


def parse_reference(text: str) -> ReleaseReference:
    """Return what a user names a release by; raises UsageError."""
    from lamina.core.errors import UsageError
    from lamina.model.references import ReleaseReference

    try:
        return ReleaseReference.parse(text)
    except ValueError as error:
        raise UsageError(
            str(error), hints=["a release is named stack, stack/version or stack@tier"]
        ) from error
