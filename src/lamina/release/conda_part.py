"""The conda packages of a release: fetched, hashed, and installed as what all else is put into."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from lamina.core import fs, report
from lamina.core.errors import BuildFailedError, ConflictError
from lamina.engines.conda_prefix import META, read_prefix
from lamina.engines.interpreters import inspect_interpreter
from lamina.engines.records import claims
from lamina.release.relocate import Relocation, shebang

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lamina.engines.interpreters import Interpreter
    from lamina.lock.conda import LockedConda
    from lamina.model.conda import CondaRecord
    from lamina.release.conda_supply import CondaSupply
    from lamina.release.draft import PublishRequest

_SHOWN = 20


def install_conda(request: PublishRequest, supply: CondaSupply, stage: Path, final: Path) -> None:
    """Make ``stage`` the prefix of the conda packages of a lock, to be used at ``final``.

    Raises IntegrityError for an archive that is not the one that was locked, ConflictError for a
    file that two packages have, UsageError where ``final`` is too long, and what fetching raises.
    """
    from lamina.engines.conda_install import InstallRequest, install_new

    install_new(
        InstallRequest(
            archives=fetch_conda(request.conda_packages, supply, request.environ),
            prefix=stage,
            platform=request.target.platform,
            final=final,
            requested=[
                entry.spec(name)
                for name, entry in sorted(request.stack.conda.items())
                if not entry.platforms or request.target.platform in entry.platforms
            ],
            allow_clobber=request.stack.stack.allow_clobber,
        )
    )
    _refuse_twice(request, stage)


def fetch_conda(
    locked: Iterable[LockedConda], supply: CondaSupply, environ: Mapping[str, str]
) -> dict[CondaRecord, Path]:
    """Return the archive of each package of a lock; raises what fetching raises."""
    from lamina.core.http import HttpClient
    from lamina.engines.conda_fetch import fetch_archives

    fetched = {one: _record(one, supply.addresses) for one in locked}
    with HttpClient(environ) as http:
        archives = fetch_archives(fetched.values(), supply.cache, http)
    return {_record(one, supply.recorded): archives[record] for one, record in fetched.items()}


def _record(one: LockedConda, addresses: Mapping[str, str]) -> CondaRecord:
    channel = addresses[one.channel]
    return one.record(url=f"{channel}/{one.subdir}/{quote(one.file)}", channel=f"{channel}/")


def _refuse_twice(request: PublishRequest, stage: Path) -> None:
    """Raise ConflictError for a distribution that a conda package has, and the index as well.

    An installer would take the one of conda away, and leave its records.
    """
    from packaging.utils import canonicalize_name

    there = {
        canonicalize_name(info.name.partition("-")[0]): info.name
        for info in stage.glob("lib/python3*/site-packages/*.dist-info")
    }
    if twice := [one for one in request.artifacts if one.package in there]:
        lines = [
            f"{one.package}: {one.filename} is locked, and a conda package has it as "
            f"{there[one.package]}"
            for one in twice
        ]
        raise ConflictError("\n".join(lines), hints=["take one of the two out", "lamina lock"])


def conda_interpreter(request: PublishRequest, stage: Path) -> Interpreter:
    """Return the Python of a stage's conda packages; raises BuildFailedError where none runs."""
    found = inspect_interpreter(stage / "bin" / "python", request.environ)
    if found is None or found.series != request.target.python:
        what = f"is {found.version}" if found else "does not run on this machine"
        raise BuildFailedError(
            f"the Python of the conda packages {what}; the release is for {request.target}"
        )
    return replace(found, path=stage / "bin" / f"python{found.series}", prefix=stage)


def mend_scripts(stage: Path, final: Path, interpreter: Interpreter, *, at: Path) -> None:
    """Make the scripts of packages, written for ``final``, start with the Python that is ``at``.

    That is the stage where the tests cannot run elsewhere; relocation brings the scripts back.
    Where the path is too long for the kernel, or has blanks, the engine has written
    ``/usr/bin/env python``, which is whatever is first on PATH.
    """
    python = os.fsencode(at / "bin" / interpreter.path.name)
    moved = Relocation(stage=final, final=at)
    by_shell = shebang([os.fsencode(final / "bin" / interpreter.path.name)]).startswith(
        b"#!/bin/sh"
    )
    for script in sorted((stage / "bin").iterdir()):
        if script.is_symlink() or not script.is_file():
            continue
        data = script.read_bytes()
        if not data.startswith(b"#!"):
            continue
        line, _, rest = data.partition(b"\n")
        if by_shell and re.fullmatch(rb"#!/usr/bin/env python[0-9.]*", line):
            new = shebang([python]) + moved.text(rest)
        else:
            new = moved.script(data) if at != final else data
        if new != data:
            fs.write_bytes(script, new, mode=script.stat().st_mode & 0o777, durable=False)


def check_clobbers(stage: Path, *, allowed: bool) -> None:
    """Raise ConflictError for a file that a wheel brought and a conda package as well.

    Those with the same content do not count. ``allowed``: only warn, that of the wheel is there.
    """
    found = list(_clobbers(stage))
    for line in found[:_SHOWN] if allowed else ():
        report.warn(f"{line}: that of the latter is there")
    if found and not allowed:
        raise ConflictError(
            "\n".join(found[:_SHOWN]),
            hints=["leave out one of the two packages", "[stack] allow-clobber = true"],
        )


def _clobbers(stage: Path) -> Iterator[str]:
    import base64

    owners = {
        file.path: (package.record, file.sha256)
        for package in read_prefix(stage)
        for file in package.files
        if not file.path.endswith(".pyc")
    }
    for path, name, digest in brought_by_wheels(stage):
        if path in owners:
            record, sha256 = owners[path]
            same = base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode()
            if digest != f"sha256={same}":
                yield f"{path}: in {record} and in {name}"


def brought_by_wheels(stage: Path) -> Iterator[tuple[str, str, str]]:
    """Yield path, distribution and digest of what the installer of the index put into a stage."""
    ours = {file.path for package in read_prefix(stage) for file in package.files}
    for site in sorted(stage.glob("lib/python3*/site-packages")):
        inside = site.relative_to(stage).as_posix()
        for place, many in claims(site).items():
            path = place.removeprefix(f"{stage}/")
            for one in many:
                if f"{inside}/{one.distribution}.dist-info/RECORD" not in ours:
                    yield path, one.distribution, one.digest


def keep_records_true(stage: Path, relocation: Relocation) -> None:
    """Write into conda's records what was changed: byte code, scripts, what the index has planted.

    So whoever checks the prefix by them finds it as it is.
    """
    brought = {path for path, _, _ in brought_by_wheels(stage)}
    for record in sorted((stage / META).glob("*.json")):
        document = json.loads(record.read_text(encoding="utf-8"))
        changed = False
        for entry in document["paths_data"]["paths"]:
            if _may_differ(entry, brought):
                changed |= _corrected(entry, stage, relocation)
        if changed:
            text = json.dumps(document, indent=2, sort_keys=True) + "\n"
            fs.write_text(record, text, durable=False)


def _may_differ(entry: Mapping[str, str], brought: set[str]) -> bool:
    path = entry["_path"]
    ours = path.endswith((".pyc", "/encodings/__init__.py")) or path.startswith("bin/")
    return entry.get("path_type") == "hardlink" and (ours or path in brought)


def _corrected(entry: dict[str, object], stage: Path, relocation: Relocation) -> bool:
    """Give an entry the digest of its file as it will be published; tell whether it is new."""
    from lamina.model.digests import digest_of_bytes

    path = str(entry["_path"])
    data = (stage / path).read_bytes()
    if path.startswith("bin/") and relocation.text(data) != data:
        data = relocation.script(data)
    digest = digest_of_bytes(data)
    if digest == (entry.get("sha256_in_prefix") or entry.get("sha256")):
        return False
    entry["sha256_in_prefix"] = digest
    return True
