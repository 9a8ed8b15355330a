"""The tags of a wheel, from the compiled modules in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lamina.core.errors import IntegrityError
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lamina.press.conda_package import CondaPackage

_EXACT = re.compile(r"\.cpython-(\d)(\d+)(t?)-[\w-]+\.so$")
_STARTS = re.compile(rb"\0PyInit_\w+\0")
_OLDEST = re.compile(r">=(3\.\d+)")


def python_and_abi(package: CondaPackage, tree: Path, modules: Iterable[str]) -> tuple[str, str]:
    """Return the first two parts of a wheel's tag: ``cp312`` and ``cp312``, ``abi3`` or ``none``.

    ``modules`` are the compiled files of the wheel that the package has itself. A module without
    an ABI in its name counts as one for the package's Python. Raises IntegrityError for modules of
    more than one Python, or of another than the package's.
    """
    exact: set[PythonSeries] = set()
    stable = other = False
    for place in modules:
        if found := _EXACT.search(place):
            if found[3]:
                raise IntegrityError(f"{package.contents.file}: {place} is for Python without GIL")
            exact.add(PythonSeries(int(found[1]), int(found[2])))
        elif place.endswith(".abi3.so"):
            stable = True
        elif _STARTS.search((tree / place).read_bytes()):
            other = True
    if other and package.series is not None:
        exact.add(package.series)
    if len(exact) > 1 or (exact and package.series is not None and exact != {package.series}):
        listed = ", ".join(sorted(map(str, exact)))
        raise IntegrityError(
            f"{package.contents.file}: modules for Python {listed} in {package.site}"
        )
    if exact:
        tag = _tag(exact.pop())
        return tag, tag
    if stable or other:
        return _tag(_oldest(package)), "abi3"
    return "py3", "none"


def _oldest(package: CondaPackage) -> PythonSeries:
    """Return the oldest Python that a package with modules of the stable ABI says it is for."""
    if package.series is not None:
        return package.series
    specs = [one for one in package.depends if one.split()[0] in {"python", "cpython"}]
    found = [PythonSeries.parse(series) for one in specs for series in _OLDEST.findall(one)]
    return max(found, default=PythonSeries(3, 2))


def _tag(series: PythonSeries) -> str:
    return f"cp{series.major}{series.minor}"
