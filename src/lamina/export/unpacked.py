"""An unpacked pack, or what an installer installed, as what it was before: to be packed again.

The first prefix is written back into a copy of the files that name one. That it is what was packed
is said by the digest of its listing, which ``pack.json`` keeps.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lamina._target import joined
from lamina._target.unpack import OWN
from lamina.core import fs
from lamina.core.errors import IntegrityError, LaminaError, UsageError
from lamina.core.run import base_environment, run
from lamina.export.document import Pack, Prefixes, parse_pack_document
from lamina.export.launcher import PACK_NAME, PREFIXES_NAME, UNPACK_NAME, UNPACK_PARTS
from lamina.model.digests import digest_of_bytes
from lamina.model.platforms import current_platform
from lamina.release.manifest import dump_manifest, load_manifest
from lamina.release.mtree import MTREE_NAME, Entry, dump_mtree, parse_listing, really_inside
from lamina.release.root import INTERNAL, MANIFEST_NAME
from lamina.release.verify import recorded_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lamina.release.manifest import Manifest
    from lamina.release.root import Release

_LISTING = f"{INTERNAL}/{MTREE_NAME}"
_MANIFEST = f"{INTERNAL}/{MANIFEST_NAME}"
_PUBLISHED_MODE = 0o555
_SHOWN = 10


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a release consists of when it leaves."""

    manifest: Manifest
    entries: Mapping[str, Entry]
    sources: Mapping[str, Path]
    interpreter: str


def is_unpacked(prefix: Path) -> bool:
    """Tell whether a release, or a layer, came out of a pack or an installer."""
    return (prefix / PREFIXES_NAME).exists()


def named_place(prefix: Path) -> str | None:
    """Return the place that the files of an unpacked pack name; None where it is this one.

    None as well for what came out of no pack. Raises IntegrityError.
    """
    if not is_unpacked(prefix):
        return None
    path = prefix / PREFIXES_NAME
    named = parse_pack_document(Prefixes, path.read_bytes(), str(path)).prefixes[0].path
    there = Path(named)
    return None if there.exists() and there.samefile(prefix) else named


def check_published(release: Release, form: str) -> None:
    """Raise UsageError for an unpacked pack, where only a release of a root will do."""
    if is_unpacked(release.prefix):
        raise UsageError(
            f"{release.prefix}: an unpacked pack; {form} is made of a release in a root",
            hints=[
                f"lamina export {release.prefix} --as pack -o FILE.tar.zst",
                "lamina import FILE.tar.zst --root ROOT",
            ],
        )


def restored(release: Release, environ: Mapping[str, str], scratch: Path) -> Contents:
    """Return what an unpacked release was; what is different goes into ``scratch``.

    Raises IntegrityError where it is not what was packed, UsageError for what does not say.
    """
    place = release.prefix
    pack = parse_pack_document(Pack, (place / PACK_NAME).read_bytes(), f"{place / PACK_NAME}")
    if pack.files_digest is None or pack.interpreter is None:
        raise UsageError(
            f"{place}: an unpacked pack that does not say what it was",
            hints=["send the archive that it came from"],
        )
    copied = _copied(release, recorded_files(release), scratch, pack.interpreter)
    _write_back(pack, place, scratch, environ)
    entries = _entries(scratch)
    listing = dump_mtree(entries).encode()
    if digest_of_bytes(listing) != pack.files_digest:
        raise IntegrityError(
            f"{place}: cannot be made again what was packed, {pack.name}",
            hints=[_verify_hint(place), "send the archive that it came from"],
        )
    manifest = load_manifest(scratch / _MANIFEST)
    manifest = manifest.model_copy(update={"files_digest": pack.files_digest})
    fs.write_bytes(scratch / _LISTING, listing, mode=0o444, durable=False)
    fs.write_text(scratch / _MANIFEST, dump_manifest(manifest), mode=0o444, durable=False)
    sources = {path: place / path for path in entries}
    sources |= {path: scratch / path for path in copied}
    outside = {one: Entry(kind="file") for one in (_LISTING, _MANIFEST)}
    return Contents(
        manifest=manifest,
        entries=entries | outside,
        sources=sources,
        interpreter=pack.interpreter,
    )


def _copied(
    release: Release, recorded: Mapping[str, Entry], scratch: Path, interpreter: str
) -> frozenset[str]:
    """Copy what names a prefix or the digests of such files; return it."""
    place = release.prefix
    state = parse_pack_document(
        Prefixes, (place / PREFIXES_NAME).read_bytes(), f"{place / PREFIXES_NAME}"
    )
    named = {one.path for one in state.files}
    strange = sorted(one for one in named if one not in recorded)
    if strange:
        raise IntegrityError(f"{place / PREFIXES_NAME}: {strange[0]} is no file of {release.name}")
    changing = named | {one for one in recorded if _lists_others(one)}
    needed = {PREFIXES_NAME, _LISTING, _MANIFEST, *changing, *_modules(named, recorded)}
    away = needed.difference(really_inside(place, needed))
    if away:
        raise IntegrityError(f"{place / min(away)}: a link leads there, where a directory was")
    _refuse_missing(place, needed | ({interpreter} & recorded.keys()))
    for path in sorted(needed):
        fs.make_directory((scratch / path).parent)
        if (place / path).is_symlink():
            fs.symlink(scratch / path, (place / path).readlink())
        else:
            fs.copy_file(place / path, scratch / path)
    return frozenset(changing | {_LISTING, _MANIFEST})


def _refuse_missing(place: Path, paths: Iterable[str]) -> None:
    """Raise IntegrityError, as ``bin/lamina-unpack`` says it, where something is gone."""
    if gone := [one for one in sorted(paths) if not os.path.lexists(place / one)]:
        raise IntegrityError(
            f"{place}: not as packed: {', '.join(gone[:_SHOWN])}",
            hints=[_verify_hint(place)],
        )


def _verify_hint(place: Path) -> str:
    return f"lamina release verify {shlex.quote(str(place))}"


def _lists_others(path: str) -> bool:
    """Tell whether a file has digests of others, which are made true with them."""
    directory, _, name = path.rpartition("/")
    in_wheel = name == "RECORD" and directory.endswith(".dist-info")
    return in_wheel or (directory.endswith("conda-meta") and name.endswith(".json"))


def _modules(named: set[str], recorded: Mapping[str, Entry]) -> Iterator[str]:
    """Yield the sources of byte code that is compiled again."""
    for path in named:
        directory, _, name = path.rpartition("/__pycache__/")
        source = f"{directory}/{name.partition('.')[0]}.py"
        if name.endswith(".pyc") and source in recorded:
            yield source


def _write_back(pack: Pack, place: Path, scratch: Path, environ: Mapping[str, str]) -> None:
    """Write the prefix that was packed into the copies."""
    fs.write_text(scratch / UNPACK_NAME, joined(*UNPACK_PARTS), durable=False)
    here = pack.platform == current_platform()
    python = place / pack.interpreter if here and pack.interpreter else Path(sys.executable)
    words: list[str | Path] = [python, "-I", "-S", "-B", scratch / UNPACK_NAME, scratch]
    words += ["--published", "--prefix", pack.prefixes[0].path]
    try:
        done = run(words, env=base_environment(environ) | {"LAMINA_INDEX": "0"}, check=False)
    except LaminaError as error:  # Its interpreter cannot be started.
        raise IntegrityError(f"{place}: {error.message}", hints=[_verify_hint(place)]) from error
    if done.returncode:
        said = done.stderr.strip().removeprefix("error: ") or f"{python} cannot be started"
        raise IntegrityError(f"{place}: {said}")


def _entries(scratch: Path) -> dict[str, Entry]:
    """Return the listing without what came with the pack, and with the modes of a release."""
    listing = scratch / _LISTING
    return {
        path: dataclasses.replace(one, mode=_PUBLISHED_MODE) if one.kind == "dir" else one
        for path, one in parse_listing(listing.read_bytes(), listing).items()
        if path not in OWN
    }
