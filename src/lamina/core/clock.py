"""The time that goes into what is written, and how long is waited, as the environment says."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


def source_date(environ: Mapping[str, str]) -> datetime | None:
    """Return the moment in SOURCE_DATE_EPOCH, None where it is not set.

    Raises UsageError for what is no number of seconds since 1970, as the specification asks:
    https://reproducible-builds.org/specs/source-date-epoch/
    """
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if re.fullmatch(r"[0-9]+", text):
        with suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(int(text), UTC)
    raise UsageError(
        f"SOURCE_DATE_EPOCH={text[:40]!r}: not a number of seconds since 1970",
        hints=["unset SOURCE_DATE_EPOCH"],
    )


def seconds_in(environ: Mapping[str, str], name: str, default: float) -> float:
    """Return for how many seconds a variable says to wait; raises UsageError for what is none."""
    text = environ.get(name)
    if not text:
        return default
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    raise UsageError(f"{name}={text!r}: not a number of seconds", hints=[f"unset {name}"])
