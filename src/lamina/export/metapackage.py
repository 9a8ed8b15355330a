"""Metapackages: nothing but exact requirements, so that pip or conda brings what a release has."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.archive.package import Package
from lamina.archive.writing import write_conda
from lamina.core import fs
from lamina.core.errors import LaminaError, NotSupportedError, UsageError
from lamina.export.conda_files import check_conda, has_python
from lamina.export.files import joined_markers
from lamina.lock.chains import in_force
from lamina.press.names import conda_name
from lamina.press.wheel_writing import write_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.platforms import Target
    from lamina.model.versions import ReleaseVersion

ALL = "all"
"""The extra with every group; the release has them all."""
_TAGS = "Wheel-Version: 1.0\nGenerator: lamina\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
Pin = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metapackage:
    """What a metapackage is made of."""

    lock: Lock
    version: ReleaseVersion
    targets: tuple[Target, ...]
    groups: Mapping[str, tuple[str, ...]]
    """Group -> its requirements, as lamina.toml has them."""
    listed: frozenset[str] = frozenset()
    """What lamina.toml lists under ``[packages]``, and what a layer was asked for: no group takes
    that away from the whole."""
    moment: datetime
    """The time of everything inside."""
    kind: Literal["release", "layer"] = "release"
    """What has these packages."""

    @property
    def summary(self) -> str:
        """What it is, in one line."""
        return f"The packages of the {self.kind} {self.lock.stack}/{self.version}"

    def pins(self, group: str | None) -> dict[Pin, list[Target]]:
        """Return each package and version with the targets that have it.

        None: what is there without any group, which is all that no group alone brings.
        """
        found: dict[Pin, list[Target]] = {}
        for target in self.targets:
            chosen = self._chosen(group, target)
            for name, version in self._versions(target).items():
                if name in chosen:
                    found.setdefault((name, version), []).append(target)
        return found

    def _chosen(self, group: str | None, target: Target) -> set[str]:
        names = set(self._versions(target))
        grouped = {one: self._reached(self.groups[one], target) for one in self.groups}
        named = self._reached(self.listed, target)
        # What nothing explains, as what a parent brings, belongs to the whole.
        without = names - (set().union(*grouped.values()) - named)
        return without if group is None else (grouped[group] & names) - without

    def _reached(self, requirements: Iterable[str], target: Target) -> set[str]:
        """Return what requirements bring along, as far as the lock tells."""
        locked = {one.name: one for one in self.lock.packages_for(target)}
        environment = target.marker_environment()
        found: set[str] = set()
        waiting: list[tuple[str, frozenset[str]]] = [
            (_name(text), frozenset(Requirement(text).extras)) for text in requirements
        ]
        seen: set[tuple[str, frozenset[str]]] = set()
        while waiting:
            name, extras = waiting.pop()
            if (name, extras) in seen:
                continue
            seen.add((name, extras))
            found.add(name)
            if package := locked.get(canonicalize_name(name)):
                waiting += _needs(package, extras, environment)
        return found

    def _versions(self, target: Target) -> dict[str, str]:
        """Return what the index has of a target, and conda has in its stead."""
        found: dict[str, str] = {}
        for package in self.lock.conda_for(target):
            found |= {one.name: one.version for one in package.provides}
        return found | {one.name: one.version for one in self.lock.packages_for(target)}


def has_own_name(made: Metapackage, form: Literal["wheel", "conda"]) -> bool:
    """Tell whether a metapackage would need another package of its own name."""
    locked = [one for target in made.targets for one in made.lock.packages_for(target)]
    conda = [one for target in made.targets for one in made.lock.conda_for(target)]
    if form == "conda":
        names = {*(conda_name(one.name) for one in locked), *(str(one.name) for one in conda)}
        return made.lock.stack in names
    inside = {str(each.name) for one in conda for each in one.provides}
    return canonicalize_name(made.lock.stack) in inside.union(str(one.name) for one in locked)


def _name(text: str) -> str:
    return canonicalize_name(Requirement(text).name)


def _needs(
    package: LockedPackage, extras: frozenset[str], environment: Mapping[str, str]
) -> list[tuple[str, frozenset[str]]]:
    return [
        (one.name, frozenset(one.extras))
        for one in package.dependencies
        if (one.extra is None or one.extra in extras) and in_force(one, environment)
    ]


def wheel_metadata(made: Metapackage) -> str:
    """Return the METADATA of the wheel; the groups are its extras, ``all`` is every one of them."""
    series = sorted(one.python for one in made.targets)
    newest = series[-1]
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {made.lock.stack}",
        f"Version: {made.version}",
        f"Summary: {made.summary}, and nothing else",
        f"Requires-Python: >={series[0]},<{newest.major}.{newest.minor + 1}",
    ]
    pinned = made.pins(None)
    lines += [f"Requires-Dist: {_requirement(pin, where, made)}" for pin, where in _sorted(pinned)]
    everything: dict[Pin, list[Target]] = {}
    for group in sorted(made.groups):
        lines.append(f"Provides-Extra: {group}")
        grouped = made.pins(group)
        everything |= grouped
        lines += [
            f"Requires-Dist: {_requirement(pin, where, made, group)}"
            for pin, where in _sorted(grouped)
        ]
    if made.groups and ALL not in made.groups:
        lines.append(f"Provides-Extra: {ALL}")
        lines += [
            f"Requires-Dist: {_requirement(pin, where, made, ALL)}"
            for pin, where in _sorted(everything)
        ]
    return "\n".join(lines) + "\n"


def _sorted(pins: Mapping[Pin, list[Target]]) -> list[tuple[Pin, list[Target]]]:
    return sorted(pins.items(), key=lambda one: one[0])


def _requirement(pin: Pin, where: list[Target], made: Metapackage, extra: str = "") -> str:
    markers = [] if len(where) == len(made.targets) else [joined_markers(where)]
    markers = [f"({one})" if extra else one for one in markers]
    markers += [f'extra == "{extra}"'] if extra else []
    return f"{pin[0]}=={pin[1]}" + (f" ; {' and '.join(markers)}" if markers else "")


def write_metawheel(made: Metapackage, directory: Path) -> Path:
    """Write the wheel into a directory, made where it is not there, and return it.

    Raises StorageError.
    """
    stem = f"{canonicalize_name(made.lock.stack).replace('-', '_')}-{made.version}"
    info = f"{stem}.dist-info"
    with tempfile.TemporaryDirectory(prefix="lamina-metapackage-") as name:
        tree = Path(name)
        fs.make_directory(tree / info)
        fs.write_text(tree / info / "METADATA", wheel_metadata(made), durable=False)
        fs.write_text(tree / info / "WHEEL", _TAGS, durable=False)
        files = [f"{info}/METADATA", f"{info}/WHEEL"]
        fs.make_directory(directory)
        target = directory / f"{stem}-py3-none-any.whl"
        write_wheel(tree, files, info, target, moment=made.moment)
    return target


def write_metaconda(made: Metapackage, directory: Path) -> Path:
    """Write the conda package of one target into a directory, as a wheel is, and return it.

    Conda packages are required by their very builds; packages of the index under their names in
    conda, at their versions: a channel that has them is made by ``lamina press``. Raises UsageError
    for several targets, NotSupportedError for what conda cannot have at once, StorageError.
    """
    if len(made.targets) != 1:
        raise UsageError(
            "a conda metapackage is for one target", hints=["--target PLATFORM/PYTHON"]
        )
    check_conda(made.lock, "conda")
    [target] = made.targets
    ours = made.lock.conda_for(target)
    theirs = {conda_name(one.name): one for one in made.lock.packages_for(target)}
    if both := [one for one in ours if one.name in theirs]:
        named = (f"{theirs[one.name].name} {theirs[one.name].version}" for one in both)
        raise NotSupportedError(
            "conda has these packages of an index under names that other packages have here: "
            + ", ".join(named),
            hints=["lamina export --as environment"],
        )
    depends = [f"{one.name} =={one.version} {one.build}" for one in ours]
    depends += [] if has_python(ours) else [f"python {target.python}.*"]
    depends += [f"{name} =={one.version}" for name, one in theirs.items()]
    try:
        package = Package(
            name=made.lock.stack,
            version=made.version.replace("-", "_"),
            build=f"py{target.python.major}{target.python.minor}_0",
            subdir=str(target.platform),
            depends=tuple(sorted(depends)),
            summary=made.summary,
            moment=made.moment,
        )
    except ValueError as error:
        raise LaminaError(f"{made.lock.stack}/{made.version}: {error}") from error
    fs.make_directory(directory)
    with tempfile.TemporaryDirectory(prefix="lamina-metapackage-") as name:
        return write_conda(package, Path(name), directory)
