"""Which series of Python a MatchSpec of ``python`` means."""

from __future__ import annotations

import re

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from lamina.model.platforms import PythonSeries

_KNOWN = tuple(PythonSeries(3, minor) for minor in range(6, 21))
_PATCHES = range(40)


def series_of(version: str, default: PythonSeries) -> PythonSeries | None:
    """Return ``default`` where it meets a version, otherwise the newest known series that does.

    None where none does, or where the version is not one that Python could have.
    """
    parts = [_specifiers(one) for one in version.split("|")]
    meeting = [one for one in _KNOWN if any(_meets(one, part) for part in parts)]
    if default in meeting:
        return default
    return meeting[-1] if meeting else None


def _meets(series: PythonSeries, specifiers: SpecifierSet | str | None) -> bool:
    if isinstance(specifiers, str):
        return str(series) == specifiers
    return specifiers is not None and any(
        specifiers.contains(f"{series}.{patch}") for patch in _PATCHES
    )


def _specifiers(text: str) -> SpecifierSet | str | None:
    if found := re.fullmatch(r"={0,2}(\d+\.\d+)(?:\.\d+)?(?:\.?\*)?", text):
        return found[1]
    if text == "*":
        return SpecifierSet()
    bounds = (one if one[:1] in "=<>!~" else f"=={one}" for one in text.split(","))
    try:
        return SpecifierSet(",".join(bounds))
    except InvalidSpecifier:
        return None
