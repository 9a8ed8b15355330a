"""Publish a release: build it beside its place, test it at its place, rename it into place."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from lamina.core import fs, report
from lamina.core.errors import ConflictError, LaminaError
from lamina.engines.signing import check_key, public_key_in
from lamina.lock.files import digest_of_lock
from lamina.model.platforms import Platform
from lamina.release.begin import begin
from lamina.release.guard import only_publisher, remove_empty, sweep
from lamina.release.history import read_history
from lamina.release.processor import require_processor
from lamina.release.realise import realise
from lamina.release.root import KEPT_STACK_NAME, SIGNATURE_NAME, Release, Root, make_root, open_root
from lamina.release.seal import Tally, seal
from lamina.release.space import require_exec
from lamina.stack.files import digest_of_builds, load_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.release.draft import PublishRequest
    from lamina.release.manifest import TestPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What publishing would do."""

    release: Release
    status: Literal["new", "identical"]
    packages: int
    builds: tuple[str, ...]
    """Packages that are built from source."""
    interpreter: str
    bundle: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What publishing did."""

    release: Release
    status: Literal["published", "identical"]
    packages: int
    tested: TestPlace
    tally: Tally
    """What was shared and written; nothing of either where it was there already."""


def plan_publish(request: PublishRequest, root: Root) -> Plan:
    """Return what publishing would do.

    Raises ConflictError when the version is taken, NotSupportedError where the processor of this
    machine is too old for what the stack is compiled for, or the Python in the release could not be
    started where the root is.
    """
    name = request.stack.stack.name
    platform = request.target.platform
    release = Release(
        stack=name,
        version=request.version,
        platform=platform,
        prefix=root.prefix_of(name, request.version, platform),
    )
    there = root.release(name, request.version, platform)
    check_unused(root, release)
    if there is not None:
        _check_identical(there, request, root)
    else:
        require_processor(request.stack, platform)
        if request.bundle:
            require_exec(root.staging)
    if there is None and release.prefix.is_dir() and any(release.prefix.iterdir()):
        raise ConflictError(
            f"{release.prefix}: not empty, and no release of lamina",
            hints=[f"look at what is there and remove it, or {_NEW_VERSION}"],
        )
    return Plan(
        release=release,
        status="new" if there is None else "identical",
        packages=len(request.artifacts) + len(request.conda_packages),
        builds=tuple(one.package for one in request.lock.source_builds(request.target)),
        interpreter=_python_text(request),
        bundle=request.bundle,
    )


def _python_text(request: PublishRequest) -> str:
    """Return the interpreter for people: its path, or the package that it is of."""
    if request.interpreter is not None:
        return str(request.interpreter.path)
    python = next(one for one in request.conda_packages if one.name == "python")
    return f"{python.record()}, from {python.channel}"


def check_unused(root: Root, release: Release) -> None:
    """Raise ConflictError for a version that was removed: layers and locks may still name it."""
    if any(root.prefix_of(release.stack, release.version, one).exists() for one in Platform):
        return
    for move in read_history(root.path, release.stack):
        if move.action == "collect" and move.after == release.version:
            raise ConflictError(
                f"{release.name} was published once, and removed by {move.author.user} "
                f"on {move.time:%Y-%m-%d}; a version means one release for ever",
                hints=[_NEW_VERSION],
            )


_NEW_VERSION = "choose a new version: [stack] version in lamina.toml"


def _check_identical(there: Release, request: PublishRequest, root: Root) -> None:
    """Raise ConflictError unless publishing again would give the same content."""
    manifest = there.manifest()
    python = manifest.python
    differences = {
        "lock": manifest.lock_digest != digest_of_lock(request.lock),
        "Python": python.version != request.python_version,
        "interpreter": not python.bundled
        and request.interpreter is not None
        and python.interpreter != str(request.interpreter.path),
        "bundle": python.bundled != request.bundle,
        "[build], [hooks] or settings of a build": _is_built_otherwise(there, request),
    }
    if request.builds is not None:
        differences |= dict.fromkeys(request.builds.differences(there.prefix), True)
    if found := [what for what, differs in differences.items() if differs]:
        raise ConflictError(
            f"{there.name} is published for {there.platform} already, with another "
            f"{' and another '.join(found)}; releases never change",
            hints=[_NEW_VERSION, root.hint("show", there.name)],
        )
    if request.key is not None:
        _check_signature(there, request.key, request.environ)


def _is_built_otherwise(there: Release, request: PublishRequest) -> bool:
    """Tell whether the stack of a release says something else of builds than the one at hand."""
    try:
        before = load_stack(there.internal / KEPT_STACK_NAME)
    except LaminaError:
        return False  # of another version of lamina, or damaged: lamina release verify tells
    return digest_of_builds(before) != digest_of_builds(request.stack)


def _check_signature(there: Release, key: Path, environ: Mapping[str, str]) -> None:
    """Raise ConflictError unless a release is signed with a key: it is not signed afterwards."""
    signature = there.internal / SIGNATURE_NAME
    if signature.exists() and public_key_in(signature) == check_key(key, environ=environ):
        return
    how = "with another key" if signature.exists() else "without a signature"
    raise ConflictError(
        f"{there.name} is published for {there.platform} already, {how}; releases never change",
        hints=[_NEW_VERSION, "or publish without --sign"],
    )


def publish(request: PublishRequest) -> Outcome:
    """Publish a release, or say that it is there already.

    However it ends, the root holds whole releases only. Raises ConflictError when the version is
    taken or another publisher is at work, BuildFailedError when a test fails, StorageError.
    """
    root = open_root(request.root, create=True, backend=request.backend)
    with only_publisher(root, environ=request.environ, now=request.now):
        plan = plan_publish(request, root)
        if plan.status == "identical":
            tested, tally = plan.release.manifest().tested, Tally()
        else:
            tested, tally = _build(request, root, plan.release)
    return Outcome(
        release=plan.release,
        status="identical" if plan.status == "identical" else "published",
        packages=plan.packages,
        tested=tested,
        tally=tally,
    )


def _build(request: PublishRequest, root: Root, release: Release) -> tuple[TestPlace, Tally]:
    with staged(root, release) as stage:
        draft = begin(request, release, root, stage)
        manifest, tally = seal(draft, realise(draft))
        named = f"{release.stack}-{release.version}-{release.platform}"
        message = f"publish {release.name} for {release.platform}"
        with root.backend.writing(message, tag=named, like=_like(root, release)):
            make_root(root)
            root.backend.put(stage, release.prefix)
    finish(root, release)
    return manifest.tested, tally


def _like(root: Root, release: Release) -> tuple[Path, Path] | None:
    """Return the stack's last release for the platform, and where the next one will be."""
    before = [one for one in root.releases(release.stack) if one.platform is release.platform]
    return (before[-1].prefix, release.prefix) if before else None


def finish(root: Root, release: Release) -> None:
    """Do what is left once the release is there, and cannot make it fail any more."""
    if root.backend.in_place:
        try:
            # A directory that cannot be written to cannot be moved, so this comes last.
            fs.set_mode(release.prefix, 0o555)
        except LaminaError as error:
            report.warn(f"{release.prefix} stays writable: {error.message}")
    try:
        # Programs of a publisher that was killed may have written since the first time.
        sweep(root)
    except LaminaError as error:
        report.warn(f"remains of a killed publisher stay: {error.message}")


@contextmanager
def staged(root: Root, release: Release) -> Iterator[Path]:
    """Yield where to build; nothing of it is left when the enclosed code fails."""
    name = f"{release.stack}-{release.version}-{release.platform}-{uuid4().hex[:8]}"
    stage = root.staging / name
    try:
        fs.make_directory(root.staging)
        if root.backend.in_place:
            fs.make_directory(release.prefix, readable=True)
        yield stage
    except BaseException:
        fs.remove_tree(stage)
        if root.backend.in_place:
            remove_empty(release.prefix, root)
        raise
