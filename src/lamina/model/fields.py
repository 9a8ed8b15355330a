"""Types of fields that several documents have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, Field

from lamina.model.digests import Sha256, parse_sha256
from lamina.model.names import (
    IndexName,
    PackageName,
    StackName,
    parse_index_name,
    parse_package_name,
    parse_stack_name,
)
from lamina.model.platforms import Platform


def _as_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs its zone")
    return value.astimezone(UTC)


def _as_version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion:
        raise ValueError(f"{text!r} is not a PEP 440 version") from None
    return text


DigestField = Annotated[Sha256, AfterValidator(parse_sha256)]
IndexField = Annotated[IndexName, AfterValidator(parse_index_name)]
PackageField = Annotated[PackageName, AfterValidator(parse_package_name)]
PlatformField = Annotated[Platform, Field(strict=False)]
StackField = Annotated[StackName, AfterValidator(parse_stack_name)]
TimeField = Annotated[datetime, AfterValidator(_as_utc)]
VersionField = Annotated[str, AfterValidator(_as_version)]
