"""Records of py-rattler and ours, in both directions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rattler import MatchSpec, PackageRecord, RepoDataRecord, Version
from rattler.package.build_string import BuildString
from rattler.package.no_arch_type import NoArchType

from lamina.engines.conda_boundary import guarded
from lamina.model.conda import CondaRecord, record_of_json

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_spec(text: str) -> MatchSpec:
    """Read a MatchSpec as conda users write it; raises UsageError.

    Not strictly: ``numpy=1.26`` and ``numpy 1.26.*`` are what people have in their files.
    """
    return guarded(lambda: MatchSpec(text, strict=False), f"{text!r} is not a MatchSpec")


def name_of(spec: MatchSpec) -> str:
    """Return the name of the package that a spec is about."""
    name = spec.name.as_package_name()
    return name.normalized if name is not None else ""


def spec_matches(spec: str, record: CondaRecord) -> bool:
    """Tell whether a record meets a MatchSpec; raises UsageError."""
    parsed = parse_spec(spec)
    return guarded(lambda: parsed.matches(to_engine(record)), spec)


def from_engine(record: RepoDataRecord) -> CondaRecord:
    """Return a record as ours."""
    entry = json.loads(record.to_json())
    return record_of_json(
        entry, file_name=record.file_name, channel=record.channel or "", url=record.url
    )


def to_engine(record: CondaRecord, *, url: str = "") -> RepoDataRecord:
    """Return a record as the engine's, to be fetched from ``url`` or its own address."""

    def make() -> RepoDataRecord:
        package = PackageRecord(
            name=record.name,
            version=record.version,
            build=BuildString(record.build),
            build_number=record.build_number,
            subdir=record.subdir,
            noarch=NoArchType(record.noarch or None),  # type: ignore[arg-type]
            depends=list(record.depends),
            constrains=list(record.constrains),
            sha256=bytes.fromhex(record.sha256) if record.sha256 else None,
            md5=bytes.fromhex(record.md5) if record.md5 else None,
            size=record.size,
            license=record.license or None,
            python_site_packages_path=record.site_packages or None,
        )
        if record.timestamp is not None:
            package.timestamp = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        if record.track_features:
            package._record.track_features = list(record.track_features)  # noqa: SLF001
        return RepoDataRecord(package, record.file_name, url or record.url, record.channel)

    return guarded(make, str(record))


def in_order(records: Iterable[CondaRecord]) -> list[CondaRecord]:
    """Return records so that each comes after what it needs, always in the same order."""
    listed = {one.file_name: one for one in records}
    engine: list[PackageRecord] = [to_engine(one) for one in listed.values()]
    ordered = guarded(lambda: PackageRecord.sort_topologically(engine), "packages in order")
    by_key = {(one.name, one.version, one.build): one for one in listed.values()}
    return [by_key[one.name.normalized, str(one.version), str(one.build)] for one in ordered]


def version_order(text: str) -> Version:
    """Return a version that compares as conda orders them; raises UsageError."""
    return guarded(lambda: Version(text), f"{text!r} is not a version")
