"""pixi.toml: the versions of a lock, exactly, for all its platforms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lamina.export.conda_files import has_python
from lamina.export.origins import git_address
from lamina.model.platforms import SystemFloor
from lamina.model.toml import toml_text, toml_texts
from lamina.stack.entries import write_key, write_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lamina.export.conda_files import CondaExport
    from lamina.lock.document import LockedPackage
    from lamina.model.platforms import Target

    Specs = dict[str, str]

_CONDA, _PYPI = "dependencies", "pypi-dependencies"


def dump_pixi(export: CondaExport) -> str:
    """Return the manifest. Not the requests of the stack but what they came to.

    So a lock is enough to write it, and pixi cannot come to something else. Versions that all
    platforms have stand above, others in the table of their platform.
    """
    lines = [
        f"# {export.lock.stack}, written by lamina export",
        "[workspace]",
        f"name = {toml_text(export.lock.stack)}",
        f"channels = {toml_texts(export.addresses)}",
        f"platforms = {toml_texts(sorted(str(one.platform) for one in export.targets))}",
    ]
    lines += _systems(export)
    conda = _tables(export, lambda one: _conda_specs(export, one))
    pypi = _tables(export, lambda one: _pypi_specs(export, one))
    for where in dict.fromkeys([*conda, *pypi]):
        for table, specs in ((_CONDA, conda.get(where)), (_PYPI, pypi.get(where))):
            if specs:
                lines += ["", f"[{where}{table}]"]
                lines += [f"{write_key(name)} = {specs[name]}" for name in sorted(specs)]
    return "\n".join(lines) + "\n"


def _systems(export: CondaExport) -> list[str]:
    """Return the table of the systems that packages need, where they are newer than usual ones.

    Of the oldest that lamina takes for granted, pixi does so too.
    """
    usual = SystemFloor()
    lines = []
    for key, name, least in (("libc", "__glibc", usual.glibc), ("macos", "__osx", usual.macos)):
        found = [
            (int(match[1]), int(match[2] or 0))
            for one in export.lock.conda
            for text in one.depends
            if (match := re.fullmatch(rf"{name} >=(\d+)(?:\.(\d+))?[\d.]*", text))
        ]
        if (newest := max([least, *found])) > least:
            lines.append(f'{key} = "{newest[0]}.{newest[1]}"')
    return ["", "[system-requirements]", *lines] if lines else []


def _conda_specs(export: CondaExport, target: Target) -> Specs:
    packages = export.lock.conda_for(target)
    specs = {
        str(one.name): write_value({"version": f"=={one.version}", "build": one.build})
        for one in packages
    }
    if export.lock.packages_for(target) and not has_python(packages):
        specs["python"] = toml_text(f"{target.python}.*")
    return specs


def _pypi_specs(export: CondaExport, target: Target) -> Specs:
    packages = export.lock.packages_for(target)
    return {str(one.name): _pypi_spec(one, export.paths) for one in packages}


def _pypi_spec(package: LockedPackage, paths: Mapping[str, str]) -> str:
    origin = package.origin
    if origin is None:
        return toml_text(f"=={package.version}")
    if origin.git is None:
        path = paths[package.name]
        return write_value({"path": path if path.startswith("../") else f"./{path}"})
    fields = {"git": git_address(origin.git), "rev": str(origin.commit)}
    return write_value(
        fields | ({"subdirectory": origin.subdirectory} if origin.subdirectory else {})
    )


def _tables(export: CondaExport, specs: Callable[[Target], Specs]) -> Mapping[str, Specs]:
    """Return the specs by the beginning of their table: what all have, then what each has."""
    each = {one: specs(one) for one in export.targets}
    first = next(iter(each.values()))
    shared = {
        name: spec
        for name, spec in first.items()
        if all(other.get(name) == spec for other in each.values())
    }
    tables = {"": shared}
    for target, found in sorted(each.items()):
        rest = {name: spec for name, spec in found.items() if name not in shared}
        tables[f"target.{target.platform}."] = rest
    return tables
