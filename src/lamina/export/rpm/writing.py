"""Write a release as RPMs, and the repository that dnf installs them from."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lamina._target.reprefix import RefusedError, check_path
from lamina.core import fs, report
from lamina.core.clock import source_date
from lamina.core.durability import flush_tree
from lamina.core.errors import (
    CommandFailedError,
    ConflictError,
    LaminaError,
    StorageError,
    UsageError,
)
from lamina.core.scratch import scratch_directory
from lamina.engines.rpm_nfpm import NFPM_HINTS, Nfpm
from lamina.engines.rpm_package import PREFIX, find_program, require_program
from lamina.engines.rpm_repository import index_repository, require_createrepo
from lamina.engines.rpm_rpmbuild import RPMBUILD_HINTS, Rpmbuild
from lamina.export.clobber import check_owners
from lamina.export.release_cargo import BUNDLE_NAME, release_cargo
from lamina.export.rpm.needs import find_needs
from lamina.export.rpm.owners import Owner, find_owners
from lamina.export.rpm.plan import plan_rpms
from lamina.export.rpm.shape import Shape, arch_of
from lamina.export.rpm.stage import stage_release
from lamina.export.unpacked import check_published
from lamina.model.digests import digest_of_bytes
from lamina.release.mtree import OUTSIDE, Entry, read_tree
from lamina.release.space import require_space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.engines.rpm_package import RpmBuilder, RpmPackage
    from lamina.export.cargo import Cargo
    from lamina.export.rpm.shape import Split
    from lamina.release.root import Release

BuilderName = Literal["nfpm", "rpmbuild"]

LOG_NAME = "lamina-rpm.log"
_LEAD = b"\xed\xab\xee\xdb"
"""What an RPM begins with."""
_ROOM = 1.4
"""What a tree and the RPMs of it need, of the tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RpmRequest:
    """Which release becomes RPMs, and how."""

    release: Release
    directory: Path
    environ: Mapping[str, str]
    split: Split
    prefix: str | None
    side_by_side: bool
    relocatable: bool
    builder: BuilderName | None
    repository: bool
    clobbered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The RPMs of a release."""

    metapackage: RpmPackage
    packages: tuple[RpmPackage, ...]
    """All, the metapackage last."""
    kept: tuple[str, ...]
    """Files that were there already."""
    builder: str
    prefix: str


def write_rpms(request: RpmRequest) -> Written:
    """Write all RPMs of a release into a directory, or none.

    One that is there already by its name is kept: that has a digest of what is in it. Raises
    UsageError, ConflictError where there is something else by that name, IntegrityError when the
    release is not what was published, CommandFailedError when one cannot be built, whose output is
    kept in ``LOG_NAME``, StorageError.
    """
    shape = _shape(request)
    indexing = require_createrepo(request.environ) if request.repository else None
    directory = request.directory.absolute()
    log = directory / LOG_NAME
    with _made(directory, log):
        with scratch_directory(".lamina-rpm-", directory) as scratch:
            builder, built_by = _builder(request, scratch, log)
            packages = _staged(request, shape, scratch)
            kept = _build(packages, directory, builder, scratch)
        if indexing is not None:
            with report.step(f"indexing {directory}"):
                index_repository(
                    directory,
                    indexing,
                    seconds=packages[-1].seconds,
                    environ=request.environ,
                    log=log,
                )
    return Written(
        metapackage=packages[-1],
        packages=tuple(packages),
        kept=kept,
        builder=built_by,
        prefix=shape.prefix,
    )


@contextmanager
def _made(directory: Path, log: Path) -> Iterator[None]:
    """Have a directory; the log stays in it where a program failed, and nothing where all ends."""
    there = directory.exists()
    _make(directory)
    try:
        yield
    except CommandFailedError:
        raise
    except BaseException:
        fs.remove_file(log)
        if not there:
            with suppress(OSError):
                directory.rmdir()
        raise
    fs.remove_file(log)


def _make(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise ConflictError(f"{directory}: is there already, and no directory")
    with fs.change("make", directory):
        directory.mkdir(parents=True, exist_ok=True)


def _shape(request: RpmRequest) -> Shape:
    release, manifest = request.release, request.release.manifest()
    arch_of(release.platform)
    default = f"/opt/lamina/{release.stack}"
    if request.side_by_side:
        default += f"/{release.version}"
    latest = source_date(request.environ)
    return Shape(
        stack=release.stack,
        version=release.version,
        platform=release.platform,
        prefix=_checked(request.prefix or default),
        split=request.split,
        side_by_side=request.side_by_side,
        relocatable=request.relocatable,
        seconds=int(manifest.created.timestamp()),
        latest=None if latest is None else int(latest.timestamp()),
    )


def _checked(prefix: str) -> str:
    """Return a prefix as RPM can have it; raises UsageError."""
    prefix = prefix.rstrip("/")
    try:
        check_path(prefix)
    except RefusedError as error:
        raise UsageError(error.message) from error
    if not PREFIX.fullmatch(prefix):
        raise UsageError(
            f"{prefix or '/'}: not a prefix for RPMs",
            hints=["an absolute path of letters, digits and ._+- such as /opt/lamina/NAME"],
        )
    return prefix


def _builder(request: RpmRequest, scratch: Path, log: Path) -> tuple[RpmBuilder, BuilderName]:
    """Return what builds; nfpm where nothing else is asked for and it is there."""
    wanted, environ = request.builder, request.environ
    if wanted is None:
        there = [one for one in ("nfpm", "rpmbuild") if find_program(one, environ)]
        if not there:
            raise LaminaError(
                "neither nfpm nor rpmbuild is there", hints=[*NFPM_HINTS, *RPMBUILD_HINTS]
            )
        wanted = "nfpm" if "nfpm" in there else "rpmbuild"
    if wanted == "nfpm":
        program = require_program("nfpm", environ, NFPM_HINTS)
        return Nfpm(program=program, environ=environ, scratch=scratch, log=log), wanted
    program = require_program("rpmbuild", environ, RPMBUILD_HINTS)
    return Rpmbuild(program=program, environ=environ, scratch=scratch, log=log), wanted


def _staged(request: RpmRequest, shape: Shape, scratch: Path) -> list[RpmPackage]:
    """Write the tree that RPMs are made of, and return which they are."""
    release = request.release
    check_published(release, "an RPM")
    check_owners(release.prefix, allow=request.clobbered)
    copied = scratch / "interpreter"
    copied.mkdir()
    cargo = release_cargo(release, request.environ, copied)
    require_space(scratch, int(cargo.size * _ROOM), what=f"a set of RPMs of {release.name}")
    top = stage_release(cargo, scratch / "root", shape.prefix, request.environ)
    entries = _entries(top)
    owned = find_owners(top, shape.prefix, entries, _interpreter(cargo, release))
    return plan_rpms(shape, entries, owned, find_needs(shape, release, owned.owners, entries))


def _interpreter(cargo: Cargo, release: Release) -> Owner | None:
    """Return the interpreter where it is a copy, and not a package."""
    if cargo.interpreter is None or not cargo.interpreter.startswith(f"{BUNDLE_NAME}/"):
        return None
    return Owner("python", "python", release.manifest().python.version, "PSF-2.0")


def _entries(top: Path) -> dict[str, Entry]:
    """Return all that is in a tree, also what no listing has."""
    entries, _ = read_tree(top)
    for path in OUTSIDE:
        if (top / path).exists():
            data = (top / path).read_bytes()
            entries[path] = Entry(
                kind="file", mode=0o444, size=len(data), sha256=digest_of_bytes(data)
            )
    return entries


def _build(
    packages: list[RpmPackage], directory: Path, builder: RpmBuilder, scratch: Path
) -> tuple[str, ...]:
    """Build what is not there, and put it in place; return what is there."""
    kept = tuple(one.file_name for one in packages if _is_there(directory / one.file_name))
    missing = [one for one in packages if one.file_name not in kept]
    made = scratch / "made"
    made.mkdir()
    with report.step("building RPMs", total=len(missing)) as step:

        def build(package: RpmPackage) -> None:
            builder.build(package, scratch / "root", made / package.file_name)
            step.advance()

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(build, missing))
        step.outcome = f"{len(missing)}, and {len(kept)} are there already"
    shutil.rmtree(scratch / "root")
    flush_tree(made)
    # The metapackage is last: where it is, all that it needs is.
    for one in missing:
        fs.rename(made / one.file_name, directory / one.file_name)
    return kept


def _is_there(path: Path) -> bool:
    if not path.exists() and not path.is_symlink():
        return False
    try:
        with path.open("rb") as stream:
            found = stream.read(len(_LEAD))
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    if found != _LEAD:
        raise ConflictError(f"{path}: is there already, and is no RPM")
    return True
