"""The first 64 KiB of an installer: what it carries, as shell variables, and the script.

All but the header stays as it is when an installer is promoted: it says which version it installs.
"""

from __future__ import annotations

import shlex
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from lamina.core.errors import DocumentError, IntegrityError, Problem, UsageError
from lamina.model.document import Document, validate
from lamina.model.fields import DigestField, PlatformField, StackField
from lamina.model.versions import ReleaseVersion, parse_release_version

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 1 << 16
"""Bytes of the header, and what the beginning of each part is a multiple of: dd(1) reads so."""
MOST_PARTS = 64

_TEMPLATE = Path(__file__).with_name("installer.sh")
_MARK = "# --- what it carries\n# shellcheck disable=SC2034\n"
_END = "# --- how it is done\n"
_ABOUT = ": sh FILE -h says what it can"
_GUARD = f"""\
case $(sed -n 2p "$0" 2>/dev/null) in
*{_ABOUT!r})
    size=$(($(wc -c <"$0")))
    [ "$size" -ge {BLOCK} ] || {{
        printf 'error: %s\\n' "$0: cut off in its first part, the script: $size bytes" >&2
        printf 'hint: %s\\n' "get it once more, and compare its digest with the sender's" >&2
        exit 6
    }} ;;
esac
"""
"""Before all else: shells execute what they have read, and stumble where it ends.

Of a script that reads this one, ``$0`` is another file.
"""
_DIGEST = "header_digest="
_FILL = "#" * 63 + "\n"
_Version = Annotated[ReleaseVersion, AfterValidator(parse_release_version)]


class Header(Document):
    """What an installer says of itself."""

    format: Literal[1] = 1
    """Version of this format."""
    kind: Literal["stack", "layer"] = "stack"
    """What it installs."""
    name: StackField
    """The name of that."""
    version: _Version
    """The version that it installs."""
    tested_version: _Version
    """The version that it was written, published and tested under."""
    platform: PlatformField
    """What it runs on."""
    system: str
    """That, as uname(1) says it."""
    glibc: str = ""
    """The oldest glibc that its programs run with, such as ``2.28``."""
    micro_architecture: str = ""
    """What it is compiled for, such as ``x86-64-v3``."""
    needed_features: str = ""
    """What a processor has to have for that, in the words of Linux."""
    environment_file: str = ""
    """The file to source, in the prefix."""
    hook: str = ""
    """The program to start once it is in place, in the prefix."""
    tests: str = ""
    """The script that tests it, in the prefix."""
    longest_prefix: int = 0
    """In bytes; 0: any."""
    disk_kilobytes: int
    """What it takes up once installed."""
    files: int
    """Files, links and directories."""
    payload_size: int
    """In bytes."""
    payload_digest: DigestField
    """Of all parts together: a tar, compressed with gzip."""
    part_size: int = Field(gt=0, multiple_of=BLOCK)
    """In bytes; the last part is what is left."""
    parts: Annotated[tuple[DigestField, ...], Field(strict=False)]
    """Their digests."""


def dump_header(header: Header) -> bytes:
    """Return the first block of an installer."""
    described = header.model_dump(by_alias=False)
    described["parts"] = " ".join(header.parts)
    assigned = "".join(f"{key}={shlex.quote(str(one))}\n" for key, one in described.items())
    about = f"# {header.name} {header.version} for {header.platform}{_ABOUT}\n"
    start = f"#!/bin/sh\n{about}{_GUARD}{_MARK}{assigned}"
    rest = _filled(_TEMPLATE.read_text(encoding="utf-8"), taken=len(start) + len(_line("0" * 64)))
    digest = sha256((start + rest).encode("ascii")).hexdigest()
    return (start + _line(digest) + rest).encode("ascii")


def _line(digest: str) -> str:
    return f"{_DIGEST}{digest}\n"


def _filled(script: str, *, taken: int) -> str:
    """Return the script with comments after it, up to the end of the block."""
    left = BLOCK - taken - len(script)
    if left < 0:
        raise UsageError("the header of an installer has no room for so much")
    return script + (_FILL * (left // len(_FILL) + 1))[:left][:-1] + "\n" * (left > 0)


def is_installer(block: bytes) -> bool:
    """Tell whether a file that begins with ``block`` is an installer."""
    return _MARK.encode() in block[:4096]


def parse_header(block: bytes, path: Path) -> Header:
    """Return what an installer says of itself.

    Raises UsageError for another file, IntegrityError for a header that was altered.
    """
    if not is_installer(block):
        raise UsageError(
            f"{path}: no installer of lamina",
            hints=["lamina export RELEASE --as installer -o FILE.sh"],
        )
    lines = block.splitlines(keepends=True)
    noted = [one for one in lines if one.startswith(_DIGEST.encode())]
    rest = b"".join(one for one in lines if not one.startswith(_DIGEST.encode()))
    if len(block) != BLOCK or noted != [_line(sha256(rest).hexdigest()).encode()]:
        raise IntegrityError(f"{path}: cut off or altered: its first part, the script")
    start = block.partition(_MARK.encode())[2].partition(_END.encode())[0].decode("ascii")
    return validate(Header, dict(_values(start, path)), path)


def _values(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    for line in text.splitlines():
        key, _, quoted = line.partition("=")
        words = shlex.split(quoted)
        if line.startswith(_DIGEST):
            continue
        if len(words) > 1 or key not in Header.model_fields:
            raise DocumentError(path, [Problem(where=key, found="not known here")])
        value: Any = words[0] if words else ""
        if key == "parts":
            value = value.split()
        elif Header.model_fields[key].annotation in {int, Literal[1]}:
            value = int(value) if value.isdecimal() else value
        yield key.replace("_", "-"), value
