"""Packages that uv shall take as they are: stand-ins, which are wheels of nothing but a name.

uv takes a package from a path only where the project names it, and then for whoever needs it. It
never asks an index for such a package, and neither looks at when it was uploaded.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.model.names import parse_package_name
from lamina.model.toml import toml_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lamina.model.names import IndexName, PackageName

_FOLDER = "held"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPackage:
    """A package that is there at a version, whatever the index has."""

    name: PackageName
    version: str
    markers: tuple[str, ...] = ()
    """Those of the environments where it is there; none: everywhere."""

    @property
    def marker(self) -> str | None:
        """The PEP 508 marker under which it is there."""
        return " or ".join(f"({one})" for one in self.markers) or None

    @property
    def filename(self) -> str:
        """The name of its stand-in."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"


def write_stand_ins(held: Iterable[HeldPackage], directory: Path) -> None:
    """Write the wheels that ``held_sources`` point to; they need nothing and have no extras."""
    for one in held:
        place = directory / _FOLDER / one.filename
        fs.make_directory(place.parent)
        info = f"{one.name.replace('-', '_')}-{one.version}.dist-info"
        contents = {
            "METADATA": f"Metadata-Version: 2.1\nName: {one.name}\nVersion: {one.version}\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }
        with zipfile.ZipFile(place, "w") as archive:
            for name, text in contents.items():
                archive.writestr(zipfile.ZipInfo(f"{info}/{name}", _LONG_AGO), text)


def extras_not_held(output: str) -> tuple[tuple[PackageName, str], ...]:
    """Return the extras of stand-ins that uv says were asked for: package and extra."""
    found = re.findall(r"package `(\S+) @ file:\S+` does not have an extra named `([^`]+)`", output)
    return tuple(sorted({(parse_package_name(name), extra) for name, extra in found}))


def held_requirements(held: Iterable[HeldPackage]) -> list[str]:
    """Return the requirements by which uv learns of what is held."""
    return [f"{one.name} ; {one.marker}" if one.marker else one.name for one in held]


def held_sources(
    held: Sequence[HeldPackage],
    environments: Sequence[str],
    indexes: Mapping[PackageName, IndexName],
) -> dict[PackageName, str]:
    """Return what ``tool.uv.sources`` says of each; elsewhere a package keeps its index."""
    found: dict[PackageName, list[str]] = {}
    taken: dict[PackageName, set[str]] = {}
    for one in held:
        where = f", marker = {toml_text(one.marker)}" if one.marker else ""
        path = toml_text(f"{_FOLDER}/{one.filename}")
        found.setdefault(one.name, []).append(f"{{ path = {path}{where} }}")
        taken.setdefault(one.name, set()).update(one.markers or environments)
    for name, sources in found.items():
        left = [one for one in environments if one not in taken[name]]
        if left and name in indexes:
            marker = " or ".join(f"({one})" for one in left)
            index = toml_text(indexes[name])
            sources.append(f"{{ index = {index}, marker = {toml_text(marker)} }}")
    return {name: f"[{', '.join(sources)}]" for name, sources in found.items()}
