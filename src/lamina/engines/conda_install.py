"""Installing conda packages into a new prefix: all of it, from archives that were hashed, or none.

Everything happens in a stage beside the prefix, which is renamed at the end. Files are extracted
anew: hard links into a cache would let one prefix change what is in all others.
"""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rattler import PrefixRecord, Subdir, install

from lamina.archive.reading import check_archive
from lamina.core import fs, report
from lamina.core.errors import ConflictError, IntegrityError, StorageError
from lamina.engines.conda_boundary import call
from lamina.engines.conda_layout import LOST, Checked, check_layout
from lamina.engines.conda_prefix import META, read_record
from lamina.engines.conda_records import name_of, parse_spec, to_engine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.model.conda import CondaRecord
    from lamina.model.platforms import Platform

_THERE = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR})
STAGE_MARK = ".lamina-conda-"
"""In the name of what a killed installation leaves beside its prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallRequest:
    """What to install, from where, for which place."""

    archives: Mapping[CondaRecord, Path]
    prefix: Path
    """Made by this; must not be there, or be empty."""
    platform: Platform
    final: Path | None = None
    """Where the prefix will be used, and so what is written into its files; None: there."""
    requested: Sequence[str] = ()
    """What a person asked for, noted in the records of the prefix."""
    allow_clobber: bool = False
    """Only warn of files that two packages have; that of the last by name is there."""
    python: Path | None = None
    """The conda-meta record of a Python in another prefix, for packages that are installed beside
    it: it decides where their modules go."""


def install_new(request: InstallRequest) -> Path:
    """Make a prefix of packages and return its whole path.

    Raises IntegrityError for an archive that is not what its record says, UsageError for a prefix
    that is too long, ConflictError for one that is there and for a file that two packages have.
    Link scripts of packages are not run.
    """
    # Where it is relative, it would be written into files like that.
    prefix = Path(os.path.abspath(request.prefix))  # noqa: PTH100 - links on the way stay
    final = Path(os.path.abspath(request.final or prefix))  # noqa: PTH100
    if prefix.is_symlink() or (prefix.exists() and (not prefix.is_dir() or any(prefix.iterdir()))):
        raise ConflictError(f"{prefix}: is there already", hints=["choose a new directory"])
    with report.step("check packages", total=len(request.archives)):
        packages = check_packages(request.archives)
    elsewhere = read_record(request.python) if request.python is not None else None
    check_layout(
        packages,
        final,
        elsewhere.record if elsewhere is not None else None,
        allow_clobber=request.allow_clobber,
    )
    _warn_of_scripts(packages)
    stage = prefix.with_name(f".{prefix.name}{STAGE_MARK}{uuid4().hex[:12]}")
    fs.make_directory(stage)
    try:
        with report.step("install packages", total=len(packages)):
            _install(packages, stage, final, request)
        fs.remove_tree(stage / "cache")
        _move(stage / "prefix", prefix)
    finally:
        fs.remove_tree(stage)
    return prefix


def _move(stage: Path, prefix: Path) -> None:
    """Rename the stage; raises ConflictError when another installation was first."""
    try:
        fs.rename(stage, prefix)
    except StorageError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _THERE:
            raise ConflictError(f"{prefix}: was made by somebody else meanwhile") from error
        raise


def _warn_of_scripts(packages: Sequence[Checked]) -> None:
    """Say which packages count on a script being run, which could do anything."""
    for one in packages:
        names = {f"bin/.{one.record.name}-{when}-link.sh" for when in ("pre", "post")}
        if any(entry.path in names for entry in one.contents.paths):
            report.warn(f"{one.record}: its link script is not run")


def check_packages(archives: Mapping[CondaRecord, Path]) -> list[Checked]:
    """Return packages whose archives are what their records say; raises IntegrityError."""

    def check(record: CondaRecord) -> Checked:
        if not (record.sha256 or record.md5):
            raise IntegrityError(f"{record}: its record has no digest to check it by")
        contents = check_archive(archives[record], sha256=record.sha256, md5=record.md5)
        return Checked(record=record, contents=contents)

    ordered = sorted(archives, key=lambda one: one.name)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(check, ordered))


def _install(
    packages: Sequence[Checked], stage: Path, final: Path, request: InstallRequest
) -> None:
    target = stage / "prefix"
    fs.make_directory(target / META)
    records = [to_engine(one.record, url=one.contents.file.resolve().as_uri()) for one in packages]
    there = [_stand_in(request.python, target)] if request.python is not None else []
    call(
        lambda: install(
            [*records, *there],
            target_prefix=target,
            cache_dir=stage / "cache",
            installed_packages=there,
            platform=Subdir(str(request.platform)),
            execute_link_scripts=False,
            show_progress=False,
            alternative_target_prefix=final,
        ),
        f"{request.prefix}",
    )
    for record in there:
        fs.remove_file(target / META / f"{record.name.normalized}.json")
    for one in packages:
        _rewrite_record(target, one, request.requested)
    fs.remove_tree(target / LOST)
    # A prefix is no cache, which backups leave out.
    fs.remove_file(target / "CACHEDIR.TAG")
    # conda wants it to be there; what the engine writes is of this machine and moment.
    fs.write_text(target / META / "history", "", durable=False)


def _stand_in(record: Path, target: Path) -> PrefixRecord:
    """Write the record of a Python that is elsewhere into a prefix, as one without any files.

    The engine asks it where modules go, and panics unless what it takes to be installed is there.
    """
    document = json.loads(record.read_text(encoding="utf-8"))
    document |= {"files": [], "paths_data": {"paths": [], "paths_version": 1}}
    path = target / META / f"{document['name']}.json"
    fs.write_text(path, json.dumps(document), durable=False)
    return PrefixRecord.from_path(path)


def _rewrite_record(prefix: Path, package: Checked, requested: Sequence[str]) -> None:
    """Say in the record of a package where it is from, and nothing of how it came here."""
    record = package.record
    stem = f"{record.name}-{record.version}-{record.build}"
    path = prefix / META / f"{stem}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path}: {record} was not installed: {error}") from error
    for key in ("extracted_package_dir", "package_tarball_full_path", "link"):
        document.pop(key, None)
    _forget_lost(document, prefix)
    document |= {"channel": record.channel, "fn": record.file_name, "url": record.url}
    own = [spec for spec in requested if name_of(parse_spec(spec)) == record.name]
    document["requested_specs"] = own
    fs.write_text(path, json.dumps(document, indent=2, sort_keys=True) + "\n", durable=False)


def _forget_lost(document: dict[str, Any], prefix: Path) -> None:
    """Take out of a record the files that are another package's now, unless they are the same."""
    kept = []
    for entry in document["paths_data"]["paths"]:
        path = entry.pop("original_path", None)
        if path is None or fs.sha256_of(prefix / path) == fs.sha256_of(prefix / entry["_path"]):
            kept.append(entry if path is None else entry | {"_path": path})
    document["paths_data"]["paths"] = kept
    if "files" in document:
        document["files"] = [entry["_path"] for entry in kept]
