"""Compare an installed release with the digests recorded when it was published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import IntegrityError, StorageError
from lamina.engines.signing import signer_of
from lamina.lock.files import LOCK_NAME
from lamina.model.digests import digest_of_bytes
from lamina.release.mtree import MTREE_NAME, parse_listing, read_listing, read_tree
from lamina.release.root import CATALOG_NAME, MANIFEST_NAME, SIGNATURE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path

    from lamina.release.mtree import Entry, Identity
    from lamina.release.root import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What differs from what was published."""

    files: int
    """How many files, links and directories were compared."""
    changed: Mapping[str, tuple[str, ...]]
    """Of each path that differs, what: its kind, mode, size, content or target."""
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Nothing differs."""
        return not (self.changed or self.missing or self.extra)

    @property
    def only_modes(self) -> tuple[str, ...]:
        """What differs in its mode and in nothing else."""
        return tuple(path for path, how in self.changed.items() if how == ("mode",))

    def lines(self, most: int | None = None) -> list[str]:
        """Return one line a difference, modes last; of more than ``most``, how many are left out.

        Whole trees with other modes, as some tools unpack them, would hide what else is wrong.
        """
        modes = self.only_modes
        more = {path: how for path, how in self.changed.items() if how != ("mode",)}
        lines = [
            *(f"changed: {path} ({', '.join(how)})" for path, how in more.items()),
            *(f"missing: {path}" for path in self.missing),
            *(f"extra: {path}" for path in self.extra),
        ]
        others = len(lines)
        lines += [f"changed: {path} (mode)" for path in modes]
        if most is None or len(lines) <= most:
            return lines
        left = len(lines) - most
        what = " (mode)" if others <= most else ""
        return [*lines[:most], f"and {left} more{what}"]


def _check_lock(release: Release) -> None:
    """Raise IntegrityError when the manifest names another lock than the one that is kept."""
    kept = release.internal / LOCK_NAME
    try:
        digest = digest_of_bytes(kept.read_bytes())
    except OSError:
        return  # The listing has it: it is reported as missing.
    if digest != release.manifest().lock_digest:
        raise IntegrityError(
            f"{kept}: not the lock that the manifest of {release.name} names",
            hints=["publish the release again under a new version"],
        )


def verify_release(
    release: Release, *, seen: MutableMapping[Identity, str] | None = None
) -> Findings:
    """Hash the release again, but for files that were ``seen`` in another one, which are added.

    Raises IntegrityError when the listing is not the one that the manifest names, or the lock not
    that, DocumentError when there is no listing, StorageError when a file cannot be read.
    """
    recorded = recorded_files(release)
    _check_lock(release)
    return compare(recorded, release.prefix, seen=seen)


def recorded_files(release: Release) -> dict[str, Entry]:
    """Return what was published; raises IntegrityError when that is no longer known."""
    listing = release.internal / MTREE_NAME
    data = read_listing(listing)
    if digest_of_bytes(data) != release.manifest().files_digest:
        raise IntegrityError(
            f"{listing}: not the listing that was published with {release.name}",
            hints=["publish the release again under a new version"],
        )
    return parse_listing(data, listing)


def compare(
    recorded: Mapping[str, Entry],
    top: Path,
    *,
    seen: MutableMapping[Identity, str] | None = None,
) -> Findings:
    """Hash a tree and compare it with a listing; raises StorageError when it cannot be read.

    Files that only tell CVMFS where a catalog begins belong to nobody.
    """
    with report.step(f"verifying {top}", total=len(recorded)) as step:
        try:
            found, _ = read_tree(top, seen=seen, advance=step.advance)
        except OSError as error:
            raise StorageError(f"{error.filename}: {error.strerror}") from error
    return Findings(
        files=len(recorded),
        changed={
            path: _differences(entry, found[path])
            for path, entry in recorded.items()
            if path in found and found[path] != entry
        },
        missing=tuple(path for path in recorded if path not in found),
        extra=tuple(
            path
            for path, entry in found.items()
            if path not in recorded and not _is_catalog(path, entry)
        ),
    )


def _is_catalog(path: str, entry: Entry) -> bool:
    empty = entry.kind == "file" and entry.size == 0
    return empty and path.rpartition("/")[2] == CATALOG_NAME


def verify_signature(release: Release, signers: Path, *, environ: Mapping[str, str]) -> str:
    """Return who signed the manifest, which names the digest of everything else.

    Raises IntegrityError when it is not signed, or by nobody in the list ``signers``.
    """
    path = release.internal / MANIFEST_NAME
    signature = release.internal / SIGNATURE_NAME
    if not signature.exists():
        raise IntegrityError(
            f"{release.name} is not signed",
            hints=["it was published without --sign, or the signature was taken away"],
        )
    return signer_of(path, signature, signers, environ=environ)


def _differences(recorded: Entry, found: Entry) -> tuple[str, ...]:
    """Return what differs between two entries of a path."""
    if recorded.kind != found.kind:
        return (f"a {found.kind}, was a {recorded.kind}",)
    fields = {"mode": "mode", "size": "size", "sha256": "content", "target": "target"}
    return tuple(
        word for field, word in fields.items() if getattr(recorded, field) != getattr(found, field)
    )
