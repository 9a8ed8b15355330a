"""Colour, where it is wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


def is_dumb(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal can only write line after line."""
    return environ.get("TERM") == "dumb"


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a text without what would steer a terminal: it may come from a package or program."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def styled(text: str, colour: str, *, environ: Mapping[str, str], bold: bool = False) -> str:
    """Return coloured text, plain with NO_COLOR; click takes the colour out for files and pipes."""
    if environ.get("NO_COLOR") or is_dumb(environ):
        return text
    return click.style(text, fg=colour, bold=bold or None)
