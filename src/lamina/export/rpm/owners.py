"""Which file of a release belongs to which package."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

from lamina.core.errors import NotSupportedError
from lamina.engines.conda_prefix import read_prefix
from lamina.engines.records import claims
from lamina.export.release_cargo import BUNDLE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.engines.records import Claim
    from lamina.release.mtree import Entry

_CODE = re.compile(r"(?P<directory>(?:.*/)?)__pycache__/(?P<module>[^/.]+)\.[^/]*\.pyc")
_START = re.compile(r"/encodings/(?:__init__\.py|__pycache__/__init__\.[^/]*)$")
_PROGRAM = re.compile(r"bin/python[0-9.]*")

Kind = Literal["pypi", "conda", "python"]


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """A package that files of a release belong to."""

    kind: Kind
    name: str
    version: str
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """The packages of a tree, and which path belongs to which; what is not here, to none."""

    owners: tuple[Owner, ...]
    paths: Mapping[str, Owner]


def find_owners(
    top: Path, prefix: str, entries: Mapping[str, Entry], interpreter: Owner | None
) -> Owned:
    """Return who owns what of a tree that is to be at ``prefix``.

    A file that several claim is that one's whose digest it has; byte code is its source's, and
    what conda brought is conda's. ``interpreter``: of a release with a copy of its own. Raises
    NotSupportedError for a package whose files are elsewhere.
    """
    paths: dict[str, Owner] = {}
    owners: list[Owner] = []
    for one in read_prefix(top):
        record = one.record
        owner = Owner("conda", record.name, record.version, record.license)
        owners.append(owner)
        paths |= {file.path: owner for file in one.files}
        meta = f"conda-meta/{record.name}-{record.version}-{record.build}.json"
        paths[meta] = owner
    for site in sorted(top.glob("lib/python*/site-packages")):
        if not any(above.is_symlink() for above in (site, site.parent)):
            found = dict(_of_site(top, prefix, site, entries, paths))
            owners += sorted(set(found.values()) - set(owners))
            paths |= found
    if interpreter is not None:
        owners.append(interpreter)
        paths |= {path: interpreter for path in entries if _is_interpreter(path)}
    _add_code(paths, entries)
    kept = {path: one for path, one in paths.items() if path in entries}
    return Owned(owners=tuple(owners), paths=kept)


def _is_interpreter(path: str) -> bool:
    # What starts it knows the index of the whole release.
    if _START.search(path):
        return False
    return path.startswith(f"{BUNDLE_NAME}/") or _PROGRAM.fullmatch(path) is not None


def _of_site(
    top: Path,
    prefix: str,
    site: Path,
    entries: Mapping[str, Entry],
    taken: Mapping[str, Owner],
) -> Iterator[tuple[str, Owner]]:
    """Yield the paths that distributions of the index brought into a site-packages."""
    for path, claimed in sorted(claims(site).items()):
        inside = _inside(path, (str(top), prefix))
        if inside is None:
            raise NotSupportedError(
                f"{claimed[0].distribution} has a file outside of the release, {path}, and no RPM "
                "of the release can bring that",
                hints=["lamina export RELEASE --as pack -o FILE.tar.zst takes what is inside"],
            )
        if inside in entries and inside not in taken:
            claim = _owning(claimed, entries[inside])
            record = f"{site.relative_to(top)}/{claim.distribution}.dist-info/RECORD"
            # A distribution that conda brought, which has not listed this itself.
            yield inside, taken.get(record) or _owner(claim)


def _inside(path: str, tops: tuple[str, ...]) -> str | None:
    for top in tops:
        if path.startswith(f"{top}/"):
            return path[len(top) + 1 :]
    return None


def _owning(claimed: list[Claim], entry: Entry) -> Claim:
    raw = base64.urlsafe_b64encode(bytes.fromhex(entry.sha256)).rstrip(b"=").decode()
    digest = f"sha256={raw}"
    for one in claimed:
        if one.digest == digest:
            return one
    return claimed[0]


def _owner(claim: Claim) -> Owner:
    name, _, version = claim.distribution.rpartition("-")
    return Owner("pypi", canonicalize_name(name), version)


def _add_code(paths: dict[str, Owner], entries: Mapping[str, Entry]) -> None:
    for path in entries:
        if path not in paths and (found := _CODE.fullmatch(path)):
            owner = paths.get(f"{found['directory']}{found['module']}.py")
            if owner is not None:
                paths[path] = owner
