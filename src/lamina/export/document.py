"""What a pack says of itself: ``pack.json``, its first member, and ``prefixes.json``, its last one.

The docstrings of the fields are the reference. Programs without lamina, such as
``bin/lamina-unpack`` (``_target/reprefix.py``), read them as well.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from lamina.archive.members import outward_path
from lamina.core.errors import DocumentError, IntegrityError
from lamina.model.document import Document, validate
from lamina.model.fields import DigestField, PlatformField

_Digest = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]


def _inside(path: str) -> str:
    if path and (reason := outward_path(path)):
        raise ValueError(reason)
    return path


_Inside = Annotated[str, AfterValidator(_inside)]
"""A path that leads nowhere but into the tree; empty for its top."""


class PackPrefix(Document):
    """A prefix that files name, and where the tree that is in it comes to be."""

    path: str
    """The prefix."""
    inside: _Inside | None
    """The tree's directory in the pack; null: it stays outside, as a layer's base may."""
    name: str = ""
    """What it is called, such as ``hep-analysis/2026.11.0``."""
    lock_digest: _Digest = ""
    """SHA-256 of a release's lock, which a layer knows its base again by; empty for a layer."""


class Pack(Document):
    """What was packed, and where it was: ``.lamina/pack.json``, which is never changed."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    name: str
    """What was packed: a release, or a layer and its base."""
    platform: PlatformField
    """What it runs on."""
    interpreter: _Inside | None
    """The Python in it, relative to its top; null where it stays outside."""
    prefixes: Annotated[tuple[PackPrefix, ...], Field(strict=False, min_length=1)]
    """Where it was when it was packed; the first is the whole."""
    files_digest: DigestField | None = None
    """SHA-256 of the listing of a release as it was packed: what an unpacked one is compared with
    before it is packed again."""


class NamedFile(Document):
    """A file or link that names a prefix."""

    path: _Inside
    """Relative to the top."""
    kind: Literal["text", "binary", "code", "link"]
    """How another prefix is put in: as text, over zero bytes, by compiling, as a target."""
    room: int = Field(ge=0)
    """Of a program: how long a prefix may be in it, in bytes."""
    sha256: DigestField
    """Of its content, or of a link's target, as it is now."""
    head: str = Field(default="", pattern="^[\x00-\xff]*$")
    """How a script started when it was packed, a letter a byte; empty where another prefix and the
    first one again make the same of it."""


class Prefixes(Document):
    """Which files name which prefixes: ``.lamina/prefixes.json``, renewed when they change."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    prefixes: Annotated[tuple[PackPrefix, ...], Field(strict=False, min_length=1)]
    """Which prefixes the files name now."""
    files: Annotated[tuple[NamedFile, ...], Field(strict=False)]
    """Those that name one."""


AnyPackDocument = TypeVar("AnyPackDocument", bound=Pack | Prefixes)


def parse_pack_document(model: type[AnyPackDocument], data: bytes, place: str) -> AnyPackDocument:
    """Return one of the documents; raises IntegrityError: nobody writes them by hand."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise IntegrityError(f"{place}: {error}") from error
    if not isinstance(value, dict) or value.get("schema") != 1:
        raise IntegrityError(f"{place}: written by another version of lamina")
    try:
        return validate(model, value, place)
    except DocumentError as error:
        raise IntegrityError(error.message) from error
