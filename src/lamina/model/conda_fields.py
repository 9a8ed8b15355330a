"""Types of fields about conda packages that several documents have."""

from __future__ import annotations

import re
from typing import Annotated, NewType
from urllib.parse import urlsplit

from pydantic import AfterValidator

CondaName = NewType("CondaName", str)
"""Of a conda package: lower case, and not normalised further."""
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_VIRTUAL = re.compile(r"__[a-z0-9_]+")
_MD5 = re.compile(r"[0-9a-f]{32}")
_WORD = re.compile(r"[A-Za-z0-9_.-]+")


def parse_conda_name(text: str) -> CondaName:
    """Return the name of a conda package in lower case; raises ValueError."""
    name = text.lower()
    if not _NAME.fullmatch(name) or name.startswith("__"):
        raise ValueError(f"{text!r} is not the name of a conda package")
    return CondaName(name)


def parse_virtual_name(text: str) -> str:
    """Return the name of a virtual package; raises ValueError."""
    if not _VIRTUAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a virtual package, such as '__cuda'")
    return text


def parse_md5(text: str) -> str:
    """Return an MD5 in hexadecimal; raises ValueError."""
    if not _MD5.fullmatch(text):
        raise ValueError(f"{text!r} is not an MD5 in hexadecimal")
    return text


def parse_channel(text: str) -> str:
    """Return a channel: its name, its address, or a path; raises ValueError.

    Names are found by ``engines.conda_channels``; paths begin with ``.`` or ``/``.
    """
    if "://" in text:
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https", "file"} or not (parts.netloc or parts.path):
            raise ValueError("not an address of a channel; write an http, https or file URL")
        if parts.username is not None or parts.password is not None or "/t/" in parts.path:
            raise ValueError("has credentials, which everybody who sees this file would have too")
        return text.rstrip("/")
    if text.startswith((".", "/")) and "\0" not in text:
        return text
    if not all(_WORD.fullmatch(part) for part in text.split("/")):
        raise ValueError(f"{text!r} is neither the name of a channel nor its address or path")
    return text


ChannelField = Annotated[str, AfterValidator(parse_channel)]
CondaNameField = Annotated[CondaName, AfterValidator(parse_conda_name)]
Md5Field = Annotated[str, AfterValidator(parse_md5)]
VirtualField = Annotated[str, AfterValidator(parse_virtual_name)]
