"""Digests, always SHA-256 in hexadecimal."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, NewType

Sha256 = NewType("Sha256", str)

_HEX = re.compile(r"[0-9a-f]{64}")


def parse_sha256(text: str) -> Sha256:
    """Return the digest without a ``sha256:`` in front; raises ValueError on anything else."""
    digest = text.removeprefix("sha256:")
    if not _HEX.fullmatch(digest):
        raise ValueError(f"{text!r} is not a SHA-256 digest")
    return Sha256(digest)


def digest_of_bytes(data: bytes) -> Sha256:
    """Return the digest of ``data``."""
    return Sha256(hashlib.sha256(data).hexdigest())


def digest_of_value(value: Any) -> Sha256:
    """Return the digest of a JSON value in one canonical form (sorted, no white space)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return digest_of_bytes(text.encode("utf-8"))
