"""Series of CPython as conda packages and wheels name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.model.platforms import PythonSeries

NOT_FREE_THREADED = r"python_abi * ^.*_cp\d+$"
"""What a module of the stable ABI needs, as a MatchSpec: it does not load without the GIL."""


def tag_of(series: PythonSeries) -> str:
    """Return the wheel tag of a series: cp312."""
    return f"cp{series.major}{series.minor}"


def abi_spec(series: PythonSeries) -> str:
    """Return what a compiled module needs, as a MatchSpec."""
    return f"python_abi {series}.* *_{tag_of(series)}"


def series_spec(series: PythonSeries) -> str:
    """Return the Pythons of a series, as a MatchSpec."""
    return f"python >={series},<{series.major}.{series.minor + 1}.0a0"
