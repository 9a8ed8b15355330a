"""Make a pack a release of a root again: checked, staged, and put in place as any other."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lamina._target import joined
from lamina._target.unpack import OWN
from lamina.archive.members import outward_path
from lamina.archive.streams import Reading
from lamina.core import fs, report
from lamina.core.errors import ConflictError, IntegrityError, LaminaError, StorageError, UsageError
from lamina.core.run import base_environment, run
from lamina.export.document import Pack, Prefixes, parse_pack_document
from lamina.export.launcher import PACK_NAME, PREFIXES_NAME, UNPACK_NAME, UNPACK_PARTS
from lamina.model.digests import digest_of_bytes
from lamina.model.document import parse_toml, validate
from lamina.model.platforms import current_platform
from lamina.release.guard import only_publisher
from lamina.release.history import Author, Move, record
from lamina.release.manifest import Manifest
from lamina.release.mtree import MTREE_NAME, OUTSIDE, parse_listing
from lamina.release.publish import check_unused, finish, staged
from lamina.release.root import (
    INTERNAL,
    MANIFEST_NAME,
    SIGNATURE_NAME,
    Release,
    make_root,
    open_root,
)
from lamina.release.space import require_exec, require_space
from lamina.release.verify import verify_signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from lamina.archive.streams import Member
    from lamina.release.backend import Backend
    from lamina.release.mtree import Entry
    from lamina.release.root import Root

_LARGEST = 1 << 28
"""Bytes of a document: no listing comes near."""
_HEADS = (PACK_NAME, f"{INTERNAL}/{MANIFEST_NAME}", f"{INTERNAL}/{MTREE_NAME}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """Which archive becomes a release of which root."""

    archive: Path
    root: Path
    environ: Mapping[str, str]
    now: datetime
    backend: Backend
    signers: Path | None = None
    """A list as in ssh-keygen(1), ALLOWED SIGNERS: the release has to be signed by one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A release that was made of an archive."""

    release: Release
    signed_by: str | None = None
    """Who signed what was published, as ``signers`` calls them; None where nobody asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What an archive says of itself before all else."""

    pack: Pack
    manifest: Manifest
    entries: Mapping[str, Entry]
    documents: Mapping[str, bytes]


def import_pack(request: ImportRequest) -> Imported:
    """Return the release that was made; the root holds all of it or nothing.

    Raises IntegrityError for an archive that is damaged or not what its manifest says, or where
    that is not signed by anybody of ``signers``, before anything in it is started; ConflictError
    where the release is there already, UsageError for a layer, StorageError.
    """
    return import_members(request, Reading(request.archive, listed=True).members())


def import_members(request: ImportRequest, members: Iterator[Member]) -> Imported:
    """Return the release that was made of members, wherever they come from.

    They are in the order that a pack has them in, the listing among the first.
    """
    head = _head(members, request.archive)
    manifest = head.manifest
    root = open_root(request.root, create=True, backend=request.backend)
    release = Release(
        stack=manifest.stack,
        version=manifest.version,
        platform=manifest.platform,
        prefix=root.prefix_of(manifest.stack, manifest.version, manifest.platform),
    )
    with only_publisher(root, environ=request.environ, now=request.now):
        _check_free(root, release)
        size = sum(one.size for one in head.entries.values())
        require_space(root.staging, size, what=release.name)
        if _own_python(head) is not None:
            require_exec(root.staging)
        with staged(root, release) as stage:
            _extract(head, members, stage, request.archive)
            signed_by = _signer(stage, release, request)
            _settle(head, stage, release, request)
            message = f"import {release.name} for {release.platform}"
            named = f"{release.stack}-{release.version}-{release.platform}"
            with root.backend.writing(message, tag=named):
                make_root(root)
                root.backend.put(stage, release.prefix)
                record(root.path, release.stack, [_move(release, request, signed_by)])
        finish(root, release)
    return Imported(release=release, signed_by=signed_by)


def _signer(stage: Path, release: Release, request: ImportRequest) -> str | None:
    """Return who signed what was packed; the signature holds for the manifest as it is there.

    Raises IntegrityError as ``verify_signature`` does.
    """
    packed = replace(release, prefix=stage)
    if request.signers is not None:
        return verify_signature(packed, request.signers, environ=request.environ)
    if (packed.internal / SIGNATURE_NAME).exists():
        report.warn(
            f"{release.name} is signed, and nobody has checked by whom: import it with --signers "
            "FILE, while its signature is there"
        )
    return None


def _move(release: Release, request: ImportRequest, signed_by: str | None) -> Move:
    signed = f", signed by {signed_by}" if signed_by else ""
    return Move(
        time=request.now,
        action="import",
        tier=None,
        before=None,
        after=release.version,
        author=Author.of(request.environ),
        why=f"from {request.archive.name}, for {release.platform}{signed}",
    )


def _check_free(root: Root, release: Release) -> None:
    there = release.prefix
    if there.exists() and any(there.iterdir()):
        raise ConflictError(
            f"{release.name} is in {root.path} for {release.platform} already; releases never "
            "change",
            hints=[root.hint("show", release.name)],
        )
    check_unused(root, release)


def _head(members: Iterator[Member], archive: Path) -> _Head:
    """Read what describes the release; raises IntegrityError where it is not what comes first."""
    found: dict[str, bytes] = {}
    for member in members:
        if member.kind != "dir":
            if member.name != _HEADS[len(found)]:
                break
            found[member.name] = _whole(member, archive)
        if len(found) == len(_HEADS):
            break
    if PACK_NAME not in found:
        raise IntegrityError(
            f"{archive}: no pack of lamina", hints=["lamina export RELEASE --as pack -o FILE"]
        )
    pack = parse_pack_document(Pack, found[PACK_NAME], f"{archive}: {PACK_NAME}")
    if len(found) < len(_HEADS) or len(pack.prefixes) != 1:
        raise UsageError(
            f"{archive}: a layer, and no release",
            hints=["unpack it where it is to be, and start bin/lamina-unpack in it"],
        )
    text = found[_HEADS[1]].decode("utf-8", "replace")
    manifest = validate(Manifest, parse_toml(text, f"{archive}: {_HEADS[1]}"), _HEADS[1])
    if digest_of_bytes(found[_HEADS[2]]) != manifest.files_digest:
        raise IntegrityError(f"{archive}: {_HEADS[2]} is not the listing that its manifest names")
    entries = parse_listing(found[_HEADS[2]], f"{archive}: {_HEADS[2]}")
    _check_listing(entries, archive)
    return _Head(pack=pack, manifest=manifest, entries=entries, documents=found)


def _check_listing(entries: Mapping[str, Entry], archive: Path) -> None:
    """Raise IntegrityError unless all can be unpacked, and nobody's rights are lent.

    The members of a pack are checked one by one; those of an image's layers each for its own.
    """
    for path, entry in entries.items():
        wrong = outward_path(path)
        if not wrong and entry.mode & ~0o777:
            wrong = f"of the mode {entry.mode:o}"
        if wrong:
            raise IntegrityError(f"{archive}: {path!r} in its listing is {wrong}")


def _whole(member: Member, archive: Path) -> bytes:
    if member.size > _LARGEST:
        raise IntegrityError(f"{archive}: {member.name} is too large")
    return b"".join(member.blocks())


def _extract(head: _Head, members: Iterator[Member], stage: Path, archive: Path) -> None:
    """Write every member into the stage, each compared with the listing."""
    fs.make_directory(stage / INTERNAL)
    for name, data in head.documents.items():
        fs.write_bytes(stage / name, data, durable=False)
    left = set(head.entries)
    with report.step(f"unpacking {archive.name}", total=len(left)) as step:
        for path, entry in sorted(head.entries.items()):
            if entry.kind == "dir":
                fs.make_directory(stage / path)
                left.discard(path)
        for member in members:
            _place(member, head, stage, archive)
            left.discard(member.name)
            step.advance()
        if left:
            raise IntegrityError(f"{archive}: {min(left)} is missing, and {len(left) - 1} more")
        step.outcome = f"{len(head.entries)} files, links and directories"


def _place(member: Member, head: _Head, stage: Path, archive: Path) -> None:
    target, entry = stage / member.name, head.entries.get(member.name)
    if member.kind == "dir":
        if entry is None or entry.kind != "dir":
            raise IntegrityError(f"{archive}: {member.name} is not in its listing")
        return
    if member.name in head.documents or target.is_symlink() or target.exists():
        raise IntegrityError(f"{archive}: {member.name} is in it twice")
    if entry is None:
        if member.name not in {*OWN, *OUTSIDE}:
            raise IntegrityError(f"{archive}: {member.name} is not in its listing")
        if member.name == PREFIXES_NAME or member.name in OUTSIDE:
            fs.write_bytes(target, _whole(member, archive), durable=False)
        return
    if member.kind != entry.kind or (entry.kind == "link" and member.target != entry.target):
        raise _altered(archive, member)
    if entry.kind == "link":
        with fs.change("symlink", target):
            target.symlink_to(entry.target)
    else:
        _write(member, entry, target, archive)


def _write(member: Member, entry: Entry, target: Path, archive: Path) -> None:
    """Write a file; raises IntegrityError unless it is the one in the listing."""
    digest = sha256()
    if member.size != entry.size:
        raise _altered(archive, member)
    with fs.change("extract", target), target.open("xb", buffering=0) as stream:
        for block in member.blocks():
            digest.update(block)
            stream.write(block)
        target.chmod(entry.mode)
    if digest.hexdigest() != entry.sha256:
        raise _altered(archive, member)


def _altered(archive: Path, member: Member) -> IntegrityError:
    return IntegrityError(f"{archive}: {member.name} is not the one that its manifest names")


def _settle(head: _Head, stage: Path, release: Release, request: ImportRequest) -> None:
    """Write the final prefix into the stage, and leave nothing of the archive's own in it."""
    _check_named(head, stage, request.archive)
    script = stage / UNPACK_NAME
    fs.write_text(script, joined(*UNPACK_PARTS), durable=False)
    inside = _own_python(head)
    python = stage / inside if inside else Path(sys.executable)
    with report.step(f"writing {release.prefix} into it"):
        environment = base_environment(request.environ) | {"LAMINA_INDEX": "0"}
        words: list[str | Path] = [python, "-I", "-S", "-B", script, stage]
        words += ["--published", "--prefix", release.prefix]
        done = run(words, env=environment, check=False)
    if done.returncode:
        error: type[LaminaError] = {2: UsageError, 6: IntegrityError}.get(
            done.returncode, StorageError
        )
        raise error(done.stderr.strip().removeprefix("error: ") or f"{python} cannot be started")
    for name in OWN:
        fs.remove_file(stage / name)
    fs.make_read_only(stage)
    fs.set_mode(stage, 0o755)


def _own_python(head: _Head) -> str | None:
    """Return the interpreter in it; None where there is none, or none for this machine."""
    inside = head.pack.interpreter
    here = head.manifest.platform == current_platform() and inside in head.entries
    return inside if here else None


def _check_named(head: _Head, stage: Path, archive: Path) -> None:
    """Raise IntegrityError unless what is to be changed is what the listing has."""
    path = stage / PREFIXES_NAME
    if not path.is_file():
        raise IntegrityError(f"{archive}: cut off: {PREFIXES_NAME} is missing")
    state = parse_pack_document(Prefixes, path.read_bytes(), f"{archive}: {PREFIXES_NAME}")
    wrong = [
        one.path
        for one in state.files
        if one.path not in head.entries
        or (one.kind != "link" and head.entries[one.path].sha256 != one.sha256)
    ]
    same = [(one.path, one.inside) for one in state.prefixes] == [(head.manifest.prefix, "")]
    if wrong or not same:
        raise IntegrityError(f"{archive}: {PREFIXES_NAME} is not about the files in it")
