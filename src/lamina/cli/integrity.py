"""``lamina release verify|repair``: whether releases are what was published, and making them so."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lamina.cli.options import (
    dry_run_option,
    environment,
    fresh_log,
    output_options,
    root_option,
    signers_option,
    writable_root,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.cli.options import Output
    from lamina.model.names import IndexName
    from lamina.release.draft import PublishRequest
    from lamina.release.mtree import Identity
    from lamina.release.repair import Mend
    from lamina.release.root import Release, Root
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
    output.result("\n".join(texts), values[0] if alone else {"releases": values, "sound": sound})
    for one, value in zip(found, values, strict=True):
        if not value["sound"] and "error" not in value:
            report.note(_how_to_mend(one, root))
    return 0 if sound else IntegrityError.exit_code


def _how_to_mend(release: Release, root: Path) -> str:
    from lamina.model.platforms import current_platform
    from lamina.release.root import Root, look_for_root, root_around

    place = str(release.prefix)
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return f"{place} is read-only: it is mended where it was made"
    around = root_around(release)
    if around is None:
        opened, there = look_for_root(root)
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
    from lamina.release.verify import verify_release, verify_signature

    value = {
        "release": release.name,
        "platform": str(release.platform),
        "prefix": str(release.prefix),
    }
    try:
        signed = verify_signature(release, signers, environ=environment()) if signers else None
        findings = verify_release(release, seen=seen)
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
    }


def _text(release: Release, findings: Findings, signed: str | None) -> str:
    if not findings.sound:
        return "\n".join([f"{release.name} is not as published", *findings.lines(_MOST_LINES)])
    text = f"{release.name}: {findings.files} files, links and directories as published"
    return text + (f", signed by {signed}" if signed else "")


@click.command()
@click.argument("release", metavar="RELEASE|PATH")
@dry_run_option
@root_option
@output_options
def repair(output: Output, *, release: str, dry_run: bool, root: Path) -> int:
    """Make RELEASE again what was published; exit 6 if something cannot be mended.

    What a file has to be comes from other releases of the root that have the same, or from its lock
    installed anew. Nothing else is ever written, and the manifest stays as it is. What is at PATH
    outside of the root gets copies of its own.
    """
    from lamina.cli.release import find_release, root_of
    from lamina.core.errors import IntegrityError
    from lamina.release import repair as act
    from lamina.release.rebuild import rebuild

    found = find_release(release, root)
    opened = writable_root(root_of(found, root))
    if dry_run:
        mends, left = act.plan_repair(found, opened).mends, None
    else:
        now = datetime.now(UTC)
        done = act.repair(
            found,
            opened,
            lambda stage: rebuild(_request_of(found, opened, now), found, opened, stage),
            environ=environment(),
            now=now,
        )
        mends, left = done.mends, done.left
    output.result(_repair_text(found, mends, left), _repair_value(found, mends, left))
    return 0 if left is None or left.sound else IntegrityError.exit_code


def _repair_text(release: Release, mends: Sequence[Mend], left: Findings | None) -> str:
    lines = [str(one) for one in mends]
    if left is not None and not left.sound:
        lines += [f"{release.name} is still not as published", *left.lines(_MOST_LINES)]
    elif left is not None:
        lines.append(f"{release.name} is as published")
    elif not mends:
        lines.append(f"{release.name} is as published: nothing to do")
    return "\n".join(lines)


def _repair_value(release: Release, mends: Sequence[Mend], left: Findings | None) -> dict[str, Any]:
    return {
        "release": release.name,
        "platform": str(release.platform),
        "prefix": str(release.prefix),
        "mended": [{"path": one.path, "way": one.way, "from": one.origin} for one in mends],
        "sound": not mends if left is None else left.sound,
        "left": [] if left is None else left.lines(),
    }


def _request_of(release: Release, root: Root, now: datetime) -> PublishRequest:
    """Return what would publish a release once more: from the documents that it keeps."""
    from lamina.engines.index_addresses import IndexAddresses, cache_directory
    from lamina.engines.interpreters import MachineInterpreters
    from lamina.engines.uv_install import UvInstaller
    from lamina.engines.uv_program import UvProgram
    from lamina.layer.known import known_of
    from lamina.lock.files import load_lock
    from lamina.model.platforms import Target
    from lamina.release.conda_supply import conda_supply
    from lamina.release.draft import PublishRequest
    from lamina.release.sources import stack_inside
    from lamina.resolve.project import index_addresses
    from lamina.stack.files import load_stack

    environ = environment()
    manifest = release.manifest()
    stack_path, lock_path = _documents(release)
    stack = load_stack(stack_path)
    cache = cache_directory(environ)
    log = fresh_log(cache / "logs" / f"repair-{release.stack}-{release.version}.log")
    uv = UvProgram(environ=environ, log=log)
    indexes = index_addresses(stack_inside(release), environ)
    lock = load_lock(lock_path)
    conda = conda_supply(lock, release.prefix, environ, cache, recorded=manifest.channels)
    finder = MachineInterpreters(environ=environ, explicit=Path(manifest.python.interpreter))
    interpreter = None if conda else finder.search(manifest.python.series)
    request = PublishRequest(
        root=root.path,
        stack=stack,
        stack_text=stack_path.read_text(encoding="utf-8"),
        version=release.version,
        lock=lock,
        target=Target(release.platform, manifest.python.series),
        interpreter=interpreter,
        installer=UvInstaller(uv=uv, indexes=indexes, shared=bool(lock.conda)),
        locator=IndexAddresses(environ, indexes, cache),
        uv=uv,
        environ=environ,
        now=now,
        log=log,
        run_tests=manifest.tested != "skipped",
        known=known_of,
        conda=conda,
    )
    return _remaking(request, release, indexes)


def _remaking(
    request: PublishRequest, release: Release, indexes: Mapping[IndexName, str]
) -> PublishRequest:
    """Return a request that has the wheels that were built for a release, or builds them again."""
    from lamina.build.wheels.kept import inputs_in
    from lamina.build.wheels.opening import ShopRequest
    from lamina.build.wheels.remaking import RemakingInstaller
    from lamina.release.root import BUILDS_NAME
    from lamina.stack.files import STACK_NAME

    if not request.lock.source_builds(request.target):
        return request
    shop = ShopRequest(
        stack=request.stack,
        path=release.internal / BUILDS_NAME / STACK_NAME,
        lock=request.lock,
        target=request.target,
        interpreter=request.interpreter,
        uv=request.uv,
        indexes=indexes,
        locator=request.locator,
        environ=request.environ,
        conda=request.conda,
    )
    inner, told = request.installer, inputs_in(release)
    return replace(request, installer=RemakingInstaller(inner=inner, request=shop, told=told))


def _documents(release: Release) -> tuple[Path, Path]:
    """Return the stack and the lock that a release keeps; raises IntegrityError where changed."""
    from lamina.core import fs
    from lamina.core.errors import IntegrityError
    from lamina.lock.files import LOCK_NAME
    from lamina.release.verify import recorded_files

    recorded = recorded_files(release)
    paths = release.internal / "stack.toml", release.internal / LOCK_NAME
    for path in paths:
        name = path.relative_to(release.prefix).as_posix()
        if not path.is_file() or fs.sha256_of(path) != recorded[name].sha256:
            raise IntegrityError(f"{path}: not as published")
    return paths
