"""Texts and times in lamina.toml, each with what it may be."""

from __future__ import annotations

import keyword
import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer


def _check_module(text: str) -> str:
    parts = text.split(".")
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise ValueError(f"{text!r} is not the name of a module, such as 'dask_awkward'")
    return text


def _check_command(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty command, which tests nothing")
    if "\0" in text:
        raise ValueError("a command cannot contain a NUL")
    return text


def _check_advisory(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+(-[A-Za-z0-9_.:]+)+", text):
        raise ValueError(f"{text!r} is not the id of an advisory, such as 'CVE-2026-12345'")
    return text


def check_reason(text: str) -> str:
    """Return a reason; raises ValueError for none."""
    if not text.strip():
        raise ValueError("no reason given, for the people who read the stack")
    return text


def _check_address(text: str) -> str:
    """Refuse what is no address, and credentials, without repeating them."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018
    except ValueError:
        parts = None
    scheme = parts.scheme if parts is not None else ""
    if parts is None or not {"http": parts.netloc, "https": parts.netloc, "file": parts.path}.get(
        scheme
    ):
        raise ValueError("not an address; write an http, https or file URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "has credentials, which everybody who sees this file would have too; put them into"
            " UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, or into ~/.netrc"
        )
    return text


def _as_moment(value: Any) -> Any:
    try:
        return _moment_of(value)
    except OverflowError:
        raise ValueError(
            "after the last day of the calendar; leave it out to ignore none"
        ) from None


def _moment_of(value: Any) -> datetime:
    """Read a day as its end in UTC, so that files of that day still count."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs its zone, for example 2026-11-01T12:00:00Z")
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC) + timedelta(days=1)
    raise ValueError("expected a TOML date such as 2026-11-01 (without quotes)")


def _version_pair(value: Any) -> Any:
    parts = value.split(".") if isinstance(value, str) else []
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise ValueError("expected two numbers such as '2.28'")
    return (int(parts[0]), int(parts[1]))


AdvisoryId = Annotated[str, AfterValidator(_check_advisory)]
Reason = Annotated[str, AfterValidator(check_reason)]
Address = Annotated[str, AfterValidator(_check_address)]
ModuleName = Annotated[str, AfterValidator(_check_module)]
ShellCommand = Annotated[str, AfterValidator(_check_command)]
Moment = Annotated[datetime, BeforeValidator(_as_moment, json_schema_input_type=date | datetime)]
SystemVersion = Annotated[
    tuple[int, int],
    BeforeValidator(_version_pair, json_schema_input_type=str),
    PlainSerializer(lambda pair: f"{pair[0]}.{pair[1]}"),
]
