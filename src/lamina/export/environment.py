"""environment.yml with exact builds and versions, for conda, mamba and micromamba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from lamina.export.conda_files import has_python
from lamina.export.origins import git_requirement, refuse_origins
from lamina.model.names import OF_NO_INDEX, PUBLIC_INDEX

if TYPE_CHECKING:
    from lamina.export.conda_files import CondaExport
    from lamina.model.platforms import Target


def dump_environment(export: CondaExport) -> str:
    """Return the file for one target.

    pip takes packages by their versions, from the index that it is configured with: the format has
    no digests, and an index of one package only cannot be said in it. Where Python is none of the
    packages, it and pip are of the stack's channels, or else of those that conda is configured
    with.
    """
    [target] = export.targets
    refuse_origins(export.lock, export.targets, "environment", paths_only=True)
    packages, pins = export.packages(target), pip_pins(export, target)
    dependencies: list[Any] = [f"{one.name}={one.version}={one.build}" for one in packages]
    if not packages or (pins and not has_python(packages)):
        dependencies.insert(0, f"python={target.python}")
    if pins:
        dependencies += [] if any(one.startswith("pip=") for one in dependencies) else ["pip"]
        dependencies.append({"pip": pins})
    document = {
        "name": str(export.lock.stack),
        **({"channels": [*export.addresses, "nodefaults"]} if export.addresses else {}),
        "dependencies": dependencies,
    }
    lines = [f"# {export.lock.stack} for {target}, written by lamina export"]
    if foreign := foreign_packages(export, target):
        lines.append(f"# of an index of their own, which pip must know: {', '.join(foreign)}")
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
    return "\n".join([*lines, text])


def pip_pins(export: CondaExport, target: Target) -> list[str]:
    """Return ``name==version`` of what comes from package indexes, and commits of git."""
    return [
        f"{one.name}=={one.version}" if one.origin is None else git_requirement(one)
        for one in export.lock.packages_for(target)
    ]


def foreign_packages(export: CondaExport, target: Target) -> list[str]:
    """Return the packages that are not of the public index."""
    ours = {PUBLIC_INDEX, *OF_NO_INDEX}
    return [str(o.name) for o in export.lock.packages_for(target) if o.index not in ours]
