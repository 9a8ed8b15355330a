"""Colour, where it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


def is_dumb(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal can only write line after line."""
    return environ.get("TERM") == "dumb"


def styled(text: str, colour: str, *, environ: Mapping[str, str], bold: bool = False) -> str:
    """Return coloured text, plain with NO_COLOR; click takes the colour out for files and pipes."""
    if environ.get("NO_COLOR") or is_dumb(environ):
        return text
    return click.style(text, fg=colour, bold=bold or None)
