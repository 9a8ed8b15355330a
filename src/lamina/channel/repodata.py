"""Repodata: the list of a channel's packages, whole (CEP 36) and in shards (CEP 16)."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgpack

from lamina.archive.zstd import ZstdError, compress, decompress
from lamina.core import fs
from lamina.core.errors import DocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from lamina.channel.directory import Indexed

RAW = "repodata_from_packages.json"
"""What the archives say, every one of them and before any patch: conda-index's name for it."""
PATCHED = "repodata.json"
SHARDS = "repodata_shards.msgpack.zst"
RUN_EXPORTS = "run_exports.json"
_SHARDS_DIRECTORY = "shards"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repodata:
    """What a solver is told of one subdirectory."""

    subdir: str
    records: Mapping[str, dict[str, Any]]
    """File name -> record, of both formats."""
    removed: tuple[str, ...] = ()
    """Files that are there and not to be chosen."""
    run_exports: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return repodata.json."""
        return {
            "info": {"subdir": self.subdir},
            **_by_format(self.records),
            "removed": sorted(self.removed),
            "repodata_version": 1,
        }

    def at(self, moment: datetime) -> Repodata:
        """Return the repodata as they were at a moment, by when packages were built.

        What has no time was not there yet, as solvers have it too.
        """
        limit = int(moment.timestamp() * 1000)

        def was_there(name: str) -> bool:
            timestamp = self.records[name].get("timestamp")
            return timestamp is not None and timestamp <= limit

        kept = {name: record for name, record in self.records.items() if was_there(name)}
        # When something was withdrawn is not known.
        return Repodata(subdir=self.subdir, records=kept, removed=self.removed)

    def patched(self, change: Callable[[str, str, dict[str, Any]], None]) -> Repodata:
        """Return a copy with ``change(subdir, file name, record)`` made to each record."""
        records = copy.deepcopy(dict(self.records))
        for name, record in sorted(records.items()):
            change(self.subdir, name, record)
        return Repodata(
            subdir=self.subdir,
            records=records,
            removed=self.removed,
            run_exports=self.run_exports,
        )

    def without(self, names: Iterable[str]) -> Repodata:
        """Return a copy in which some files are removed: still listed as that, not as records."""
        gone = sorted(set(names) & set(self.records))
        return Repodata(
            subdir=self.subdir,
            records={name: record for name, record in self.records.items() if name not in gone},
            removed=tuple(sorted({*self.removed, *gone})),
            run_exports=self.run_exports,
        )


def of_archives(subdir: str, indexed: Iterable[Indexed]) -> Repodata:
    """Return the repodata that archives make, unpatched."""
    listed = list(indexed)
    exports = {one.file_name: {"run_exports": one.run_exports} for one in listed if one.run_exports}
    records = {one.file_name: one.record for one in listed}
    return Repodata(subdir=subdir, records=records, run_exports=exports)


def write_repodata(channel: Path, raw: Repodata, patched: Repodata) -> None:
    """Write all forms; a reader sees each file as it was or as it is now, and never a mixture.

    The forms are replaced one after the other, after the shards that they name.
    """
    directory = channel / raw.subdir
    fs.make_directory(directory)
    _write_shards(directory, patched)
    _write_json(directory / RAW, raw.document())
    exports = {
        "info": {"subdir": raw.subdir, "version": 1},
        **_by_format(raw.run_exports),
    }
    _write_json(directory / RUN_EXPORTS, exports)
    _write_json(directory / PATCHED, patched.document())


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document, and its compressed form, which is what most clients ask for."""
    data = dump_json(document).encode()
    fs.write_bytes(path.with_name(f"{path.name}.zst"), compress(data))
    fs.write_bytes(path, data)


def dump_json(document: Mapping[str, Any]) -> str:
    """Return a document in its one canonical form."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"


def _by_format(records: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "packages": {name: one for name, one in records.items() if name.endswith(".tar.bz2")},
        "packages.conda": {name: one for name, one in records.items() if name.endswith(".conda")},
    }


def _write_shards(directory: Path, repodata: Repodata) -> None:
    """Write a shard for each package name, called by its digest, and the index of them."""
    place = directory / _SHARDS_DIRECTORY
    fs.make_directory(place)
    digests: dict[str, bytes] = {}
    for name, shard in sorted(_shards(repodata).items()):
        data = compress(msgpack.packb(shard))
        digest = hashlib.sha256(data)
        digests[name] = digest.digest()
        target = place / f"{digest.hexdigest()}.msgpack.zst"
        if not target.exists():
            fs.write_bytes(target, data, durable=False)
    info = {"base_url": "./", "shards_base_url": "./shards/", "subdir": repodata.subdir}
    index = {"info": info, "shards": digests, "version": 1}
    fs.write_bytes(directory / SHARDS, compress(msgpack.packb(index)))


def _shards(repodata: Repodata) -> dict[str, dict[str, Any]]:
    shards: dict[str, dict[str, Any]] = {}
    for file, record in sorted(repodata.records.items()):
        shard = shards.setdefault(record["name"], _empty_shard())
        key = "packages" if file.endswith(".tar.bz2") else "packages.conda"
        shard[key][file] = _packable(record)
    for file in repodata.removed:
        name = file.rsplit("-", 2)[0]
        shards.setdefault(name, _empty_shard())["removed"].append(file)
    return shards


def _empty_shard() -> dict[str, Any]:
    return {"packages": {}, "packages.conda": {}, "removed": []}


def _packable(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as shards have it: digests in binary, keys in order."""
    return {
        key: bytes.fromhex(value) if key in {"md5", "sha256"} and value else value
        for key, value in sorted(record.items())
    }


def named_shards(directory: Path) -> set[str]:
    """Return the files of the shards that the index of a subdirectory names."""
    try:
        index = msgpack.unpackb(decompress((directory / SHARDS).read_bytes()))
        return {f"{digest.hex()}.msgpack.zst" for digest in index["shards"].values()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ZstdError):
        return set()


def sweep_shards(directory: Path, keep: Container[str]) -> None:
    """Remove shards that no index names, but those that one of before did: it may be in use."""
    named = named_shards(directory)
    for file in sorted((directory / _SHARDS_DIRECTORY).glob("*.msgpack.zst")):
        if file.name not in named and file.name not in keep:
            fs.remove_file(file)


def load_repodata(channel: Path, subdir: str, *, raw: bool = False) -> Repodata:
    """Read the repodata of a subdirectory; raises DocumentError for what is none.

    ``raw``: what the archives say, in place of what solvers are told.
    """
    path = channel / subdir / (RAW if raw else PATCHED)
    try:
        document = json.loads(path.read_bytes())
        records = {**document.get("packages", {}), **document.get("packages.conda", {})}
        removed = tuple(document.get("removed", ()))
    except FileNotFoundError:
        hints = [f"lamina channel index {channel}"]
        raise DocumentError(path, [Problem(where="", found="no such file")], hints=hints) from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        problem = Problem(where="", found=f"not repodata: {error}")
        hints = [f"lamina channel index {channel}"]
        raise DocumentError(path, [problem], hints=hints) from error
    return Repodata(subdir=subdir, records=records, removed=removed)
