"""Conda packages in lamina.lock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from lamina.core.errors import IntegrityError
from lamina.model.conda import CondaRecord
from lamina.model.conda_fields import ChannelField, CondaNameField, Md5Field
from lamina.model.document import Document
from lamina.model.fields import DigestField, PackageField, TimeField, VersionField
from lamina.model.platforms import Target


def _as_target(value: Any) -> Any:
    return Target.parse(value) if isinstance(value, str) else value


def safe_filename(text: str) -> str:
    """Return the name of a file without a directory; raises ValueError."""
    if "/" in text or "\\" in text or text.startswith(".") or not text.isprintable():
        raise ValueError(f"{text!r} is not a file name")
    return text


TargetText = Annotated[
    Target,
    BeforeValidator(_as_target, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
]
Targets = Annotated[tuple[TargetText, ...], Field(strict=False)]
FileField = Annotated[str, AfterValidator(safe_filename)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class LockedProvision(Document):
    """A distribution of the package index that is inside a conda package."""

    name: PackageField
    """Its normalised name."""
    version: VersionField
    """Its PEP 440 version."""


class LockedConda(Document):
    """One build of a conda package."""

    name: CondaNameField
    """Its name."""
    version: str
    """Its version, as conda orders versions."""
    build: str
    """Its build string."""
    build_number: int = 0
    """Its build number."""
    channel: ChannelField
    """The channel it is taken from, as lamina.toml says it."""
    subdir: str
    """The part of the channel: a platform or ``noarch``."""
    file: FileField
    """Its file name there."""
    sha256: DigestField
    """The digest of the file."""
    md5: Md5Field | None = None
    """The older digest, which explicit lists can have."""
    size: int | None = None
    """In bytes."""
    built: TimeField | None = None
    """When it was built, to the millisecond."""
    noarch: str = ""
    """``python``, ``generic`` or empty."""
    site_packages: str = ""
    """Of Python: where packages go, below the prefix."""
    licence: str = ""
    """What its metadata say."""
    targets: Targets = ()
    """The targets it is part of; empty: all of the lock."""
    requested_by: Texts
    """Who asked: conda packages, ``stack``, ``stack:NAME``, or ``pypi:NAME`` for a package of the
    index that needs what this provides."""
    depends: Texts = ()
    """What it needs, as MatchSpecs."""
    constrains: Texts = ()
    """What must hold of other packages if they are there, as MatchSpecs."""
    provides: Annotated[tuple[LockedProvision, ...], Field(strict=False)] = ()
    """What it has of the package index: uv keeps its hands off that."""

    def record(self, *, url: str = "", channel: str = "") -> CondaRecord:
        """Return it as engines know it, to be fetched from ``url``."""
        return CondaRecord(
            name=self.name,
            version=self.version,
            build=self.build,
            build_number=self.build_number,
            subdir=self.subdir,
            file_name=self.file,
            channel=channel,
            url=url,
            depends=self.depends,
            constrains=self.constrains,
            sha256=self.sha256,
            md5=self.md5 or "",
            size=self.size,
            timestamp=None if self.built is None else round(self.built.timestamp() * 1000),
            noarch=self.noarch,
            license=self.licence,
            site_packages=self.site_packages,
        )


def locked_conda(
    record: CondaRecord,
    *,
    channel: str,
    requested_by: tuple[str, ...],
    targets: tuple[Target, ...] = (),
    provides: tuple[LockedProvision, ...] = (),
) -> LockedConda:
    """Return a record as the lock has it; raises IntegrityError where it has no SHA-256."""
    if not record.sha256:
        raise IntegrityError(
            f"{record}: channel {channel} gives no SHA-256 of it, and no lock goes without",
            hints=["another channel", "of a copy of the channel: lamina channel index DIR"],
        )
    built = None if record.timestamp is None else _moment(record.timestamp)
    return LockedConda(
        name=record.name,  # type: ignore[arg-type]
        version=record.version,
        build=record.build,
        build_number=record.build_number,
        channel=channel,
        subdir=record.subdir,
        file=record.file_name,
        sha256=record.sha256,  # type: ignore[arg-type]
        md5=record.md5 or None,
        size=record.size,
        built=built,
        noarch=record.noarch,
        site_packages=record.site_packages,
        licence=record.license,
        targets=targets,
        requested_by=requested_by,
        depends=record.depends,
        constrains=record.constrains,
        provides=provides,
    )


def _moment(milliseconds: int) -> datetime:
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
