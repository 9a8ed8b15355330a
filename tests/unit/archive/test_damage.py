"""What the readers of archives raise for damage is one error, whatever the way to compress."""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from lamina.archive.streams import Reading
from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

_TEXT = b"".join(b"%d lines of text\n" % number for number in range(9000))
_FLAGS, _METHOD = 6, 8
"""Where the flags and the way to compress stand in a member's own header."""


def _zip(path: Path, method: int) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("top/text", _TEXT)
    return path


def _set(path: Path, field: int, value: int) -> None:
    """Write a number into both headers of the only member."""
    data = bytearray(path.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    for start in (field, directory + field + 2):
        data[start : start + 2] = struct.pack("<H", value)
    path.write_bytes(data)


def _read(path: Path) -> bytes:
    return b"".join(block for member in Reading(path).members() for block in member.blocks())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_way_to_compress(tmp_path: Path, method: int) -> None:
    path = _zip(tmp_path / "it.zip", method)
    assert _read(path) == _TEXT
    whole = path.read_bytes()
    for position in range(40, len(whole) - 100, len(whole) // 40):
        path.write_bytes(whole[:position] + b"\xff\x00\xff" + whole[position + 3 :])
        with pytest.raises(IntegrityError, match=r"it\.zip: not a whole archive"):
            _read(path)


@pytest.mark.parametrize(
    ("field", "value"), [(_FLAGS, 1), (_METHOD, 99)], ids=["a password", "an unknown way"]
)
def test_what_cannot_be_unpacked(tmp_path: Path, field: int, value: int) -> None:
    path = _zip(tmp_path / "it.zip", zipfile.ZIP_DEFLATED)
    _set(path, field, value)
    with pytest.raises(IntegrityError, match=r"it\.zip: not a whole archive"):
        _read(path)
