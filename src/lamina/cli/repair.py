"""``lamina release repair``: make a release what was published."""

from __future__ import annotations

import shlex
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
    writable_root,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.build.wheels.remaking import RemakingInstaller
    from lamina.cli.options import Output
    from lamina.model.names import IndexName
    from lamina.release.draft import PublishRequest
    from lamina.release.repair import Mend, Repaired
    from lamina.release.root import Release, Root

_MOST_LINES = 40
"""Of what is done, for people; ``--json`` has them all."""


@click.command()
@click.argument("release", metavar="RELEASE|PATH")
@click.option(
    "--stack",
    "stack_path",
    type=click.Path(path_type=Path, exists=True),
    help="The lamina.toml, or its directory, beside which packages of a path are "
    "[default: here or above].",
)
@dry_run_option
@root_option
@output_options
def repair(
    output: Output, *, release: str, stack_path: Path | None, dry_run: bool, root: Path
) -> int:
    """Make RELEASE again what was published; exit 6 if something cannot be mended.

    What a file has to be comes from other releases of the root that have the same, or from its lock
    installed anew, without the packages that cannot be had any more. Nothing else is ever written,
    and the manifest stays as it is. What is at PATH outside of the root gets copies of its own.
    """
    from lamina.cli.release import find_release
    from lamina.core.errors import IntegrityError
    from lamina.release import repair as act
    from lamina.release.rebuild import rebuild

    found = find_release(release, root)
    _refuse_fresh(found)
    opened = writable_root(_root_for(found, root))
    top = _directory_of(stack_path)
    if dry_run:
        plan = act.plan_repair(found, opened)
        mends = act.with_origins(plan.mends, _origins(found, opened, plan.mends, top))
        output.result(_plan_text(found, mends), _value(found, mends, sound=not mends))
        return 0
    now = datetime.now(UTC)
    done = act.repair(
        found,
        opened,
        lambda stage: rebuild(_request_of(found, opened, now, top), found, opened, stage),
        environ=environment(),
        now=now,
    )
    value = _value(found, done.mends, sound=done.left.sound, left=done.left.lines(), lost=done.lost)
    output.result(_text(found, done), value)
    _say_where(found, done, top)
    return 0 if done.left.sound else IntegrityError.exit_code


def _refuse_fresh(release: Release) -> None:
    """Raise UsageError for a pack that is just unpacked: what comes with packs is no damage."""
    from lamina.core.errors import UsageError
    from lamina.export.launcher import LAUNCHER_NAME, PACK_NAME
    from lamina.export.unpacked import is_unpacked
    from lamina.release.verify import recorded_files

    if is_unpacked(release.prefix) and PACK_NAME not in recorded_files(release):
        raise UsageError(
            f"{release.prefix}: unpacked, and not made to work where it is yet",
            hints=[shlex.quote(str(release.prefix / LAUNCHER_NAME))],
        )


def _root_for(release: Release, root: Path) -> Path:
    """Return the root that a release stands in, or from which it is mended; raises UsageError."""
    from lamina.cli.release import root_of
    from lamina.core.errors import UsageError
    from lamina.release.root import look_for_root, root_around

    if root_around(release) is None and not look_for_root(root)[1]:
        raise UsageError(
            f"{release.prefix} is in no root, and there is none at {root}: what it lacks is taken "
            "from the releases of a root, or installed in its staging directory",
            hints=[f"lamina release repair {shlex.quote(str(release.prefix))} --root DIRECTORY"],
        )
    return root_of(release, root)


def _directory_of(stack_path: Path | None) -> Path:
    """Return where the paths of packages begin: as said, or where a lamina.toml is, or here."""
    from lamina.cli.options import stack_file
    from lamina.core.errors import LaminaError

    try:
        return stack_file(stack_path).absolute().parent
    except LaminaError:
        return Path.cwd()


def _text(release: Release, done: Repaired) -> str:
    from lamina.release.repair import render_mends

    lines = render_mends(done.mends, _MOST_LINES)
    if done.left.sound:
        return "\n".join([*lines, f"{release.name} is as published"])
    lines += [f"{release.name} is still not as published", *done.left.lines(_MOST_LINES)]
    return "\n".join(lines)


def _plan_text(release: Release, mends: Sequence[Mend]) -> str:
    from lamina.release.repair import render_mends

    lines = render_mends(mends, _MOST_LINES)
    return "\n".join(lines or [f"{release.name} is as published: nothing to do"])


def _value(
    release: Release,
    mends: Sequence[Mend],
    *,
    sound: bool,
    left: Sequence[str] = (),
    lost: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "release": release.name,
        "platform": str(release.platform),
        "prefix": str(release.prefix),
        "mended": [{"path": one.path, "way": one.way, "from": one.origin} for one in mends],
        "sound": sound,
        "left": list(left),
        "lost": dict(lost or {}),
    }


def _request_of(release: Release, root: Root, now: datetime, top: Path) -> PublishRequest:
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
    remaking = _remaking(request, release, indexes, top)
    return replace(request, installer=remaking) if remaking.is_needed else request


def _remaking(
    request: PublishRequest, release: Release, indexes: Mapping[IndexName, str], top: Path
) -> RemakingInstaller:
    """Return what has the wheels that were built for a release, or builds them again."""
    from lamina.build.wheels.kept import inputs_in
    from lamina.build.wheels.opening import shop_request
    from lamina.build.wheels.remaking import RemakingInstaller
    from lamina.release.root import BUILDS_NAME
    from lamina.stack.files import STACK_NAME

    shop = shop_request(request, release.internal / BUILDS_NAME / STACK_NAME, indexes)
    return RemakingInstaller(
        inner=request.installer, request=replace(shop, top=top), told=inputs_in(release)
    )


def _origins(release: Release, root: Root, mends: Sequence[Mend], top: Path) -> dict[str, str]:
    """Return, by path, the package of what is installed anew, and where that comes from."""
    from lamina.build.wheels.remaking import RemakingInstaller
    from lamina.core.errors import LaminaError
    from lamina.release.owners import owners_of

    paths = [one.path for one in mends if one.way == "rebuild"]
    if not paths:
        return {}
    try:
        request = _request_of(release, root, datetime.now(UTC), top)
    except LaminaError as error:
        return dict.fromkeys(paths, f"not now: {error.message.partition(chr(10))[0]}")
    told: dict[str, str] = {
        one.name: f"{one.name} {one.version} {one.build}, conda, {one.channel}"
        for one in request.conda_packages
    }
    remaking = request.installer
    for one in request.artifacts:
        where = f"the index {one.index}"
        if isinstance(remaking, RemakingInstaller):
            where = remaking.comes_from(one)
        told[one.package] = f"{one.package} {one.version}, {where}"
    owners = owners_of(release.prefix, paths)
    return {path: told[owner] for path, owner in owners.items() if owner in told}


def _say_where(release: Release, done: Repaired, top: Path) -> None:
    """Say how packages of a path are found, where one was not."""
    from lamina.core import report
    from lamina.lock.files import LOCK_NAME, load_lock

    if not done.lost:
        return
    packages = load_lock(release.internal / LOCK_NAME).packages
    beside = {f"{one.name} {one.version}" for one in packages if one.origin and one.origin.path}
    if lost := sorted(beside & done.lost.keys()):
        report.note(
            f"{', '.join(lost)}: looked for in {top}; --stack names the directory of lamina.toml, "
            "where it has to be as it was when it was locked"
        )


def _documents(release: Release) -> tuple[Path, Path]:
    """Return the stack and the lock that a release keeps; raises IntegrityError where changed."""
    from lamina.core import fs
    from lamina.core.errors import IntegrityError
    from lamina.lock.files import LOCK_NAME
    from lamina.release.root import KEPT_STACK_NAME
    from lamina.release.verify import recorded_files

    recorded = recorded_files(release)
    paths = release.internal / KEPT_STACK_NAME, release.internal / LOCK_NAME
    for path in paths:
        name = path.relative_to(release.prefix).as_posix()
        if not path.is_file() or fs.sha256_of(path) != recorded[name].sha256:
            raise IntegrityError(f"{path}: not as published")
    return paths
