"""Read pixi.lock, in every version of its format that the conda engine knows (0 to 7)."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from rattler import LockFile
from rattler.exceptions import ParseCondaLockError
from rattler.lock import CondaLockedBinaryPackage, PypiLockedPackage

from lamina.core.errors import DocumentError, Problem
from lamina.core.run import redact
from lamina.engines.conda_boundary import guarded
from lamina.model.document import read_document
from lamina.model.platforms import Platform
from lamina.stack.conda_reading import EVERYWHERE, CondaReading, only_on, without_secrets
from lamina.stack.imported import CondaRequest
from lamina.stack.match_specs import ReadSpec, read_match_spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rattler.lock import Environment, LockedPackage

    from lamina.model.platforms import PythonSeries
    from lamina.stack.imported import Imported

_DEFAULT = "default"


@dataclass(slots=True)
class _Found:
    """The packages of one environment: by name, for each platform."""

    conda: dict[str, dict[Platform, ReadSpec]] = field(default_factory=lambda: defaultdict(dict))
    pypi: dict[str, dict[Platform, str]] = field(default_factory=lambda: defaultdict(dict))
    places: dict[str, int] = field(default_factory=dict)
    """The line where a name was seen first."""


def read_pixi_lock(path: Path, default_python: PythonSeries) -> Imported:
    """Read the packages of both kinds, each at its version; the solver is not asked.

    Raises DocumentError for what is no such lock.
    """
    text = read_document(path)
    numbered = reversed(list(enumerate(text.splitlines(), start=1)))
    places = {line.strip().rpartition(" ")[2]: number for number, line in numbered}
    reading = CondaReading(path=path, default_python=default_python)
    environments = dict(guarded(lambda: _load(path).environments(), str(path)))
    chosen = environments.get(_DEFAULT) or next(iter(environments.values()), None)
    if chosen is None:
        raise DocumentError(path, [Problem(where="environments", found="empty")])
    for name, one in environments.items():
        if one is not chosen:
            reading.left_behind.append(f"{path.name}: environment {name}: a stack is one")
    found = _Found()
    guarded(lambda: _walk(chosen, reading, found, places), str(path))
    _take_conda(reading, found)
    _take_pypi(reading, found)
    reading.left_behind.append("hashes of files: lamina.lock will have those of channels and index")
    return reading.imported()


def _load(path: Path) -> LockFile:
    try:
        return LockFile.from_path(path)
    except ParseCondaLockError as error:
        problem = Problem(where="", found=f"not a pixi.lock: {redact(str(error))}")
        raise DocumentError(path, [problem]) from error


def _walk(
    environment: Environment, reading: CondaReading, found: _Found, places: dict[str, int]
) -> None:
    for channel in environment.channels():
        reading.add_channel(str(channel), places.get(str(channel), 1))
    # The lock's own platforms: one made here for the same name is another one to the engine.
    # In an order of our own: the engine has another one each time.
    here = environment.packages_by_platform().items()
    for platform, packages in sorted(here, key=lambda one: str(one[0].subdir)):
        subdir = str(platform.subdir)
        if subdir not in set(Platform):
            reading.leave(1, f"platform {subdir}", f"lamina knows {', '.join(Platform)}")
            continue
        reading.platforms.append(Platform(subdir))
        for package in packages:
            line = places.get(package.location, 1)
            _note(package, Platform(subdir), reading, found, line)


def _note(
    package: LockedPackage, platform: Platform, reading: CondaReading, found: _Found, line: int
) -> None:
    found.places.setdefault(package.name, line)
    if isinstance(package, PypiLockedPackage):
        if not package.location.startswith(("https://", "http://")):
            why = "not a package of an index"
            reading.leave(line, f"{package.name} from {package.location}", why)
        else:
            found.pypi[package.name][platform] = package.version
    elif isinstance(package, CondaLockedBinaryPackage):
        record = package.repo_data_record()
        channel = without_secrets(_address(package.location.rsplit("/", 2)[0], reading.path))
        name = record.name.normalized
        spec = replace(
            read_match_spec(f"{name} =={record.version} {record.build}"), channel=channel
        )
        reading.add_channel(channel, line)
        found.conda[name][platform] = spec
    else:
        reading.leave(line, package.name, "built from source, not a package of a channel")


def _address(channel: str, lock: Path) -> str:
    """Return the address of a channel; the engine makes paths of those that are directories."""
    return channel if "://" in channel else Path(os.path.abspath(lock.parent / channel)).as_uri()  # noqa: PTH100


def _take_conda(reading: CondaReading, found: _Found) -> None:
    """Take the exact builds."""
    for name, by_platform in found.conda.items():
        for spec in dict.fromkeys(by_platform.values()):
            here = [one for one, other in by_platform.items() if other == spec]
            platforms = _where(here, reading.platforms)
            where = reading.where(found.places[name])
            reading.conda.append(CondaRequest(spec=spec, platforms=platforms, where=where))


def _take_pypi(reading: CondaReading, found: _Found) -> None:
    for name, by_platform in found.pypi.items():
        for version in dict.fromkeys(by_platform.values()):
            here = [one for one, other in by_platform.items() if other == version]
            try:
                requirement = Requirement(f"{name}=={version}")
            except InvalidRequirement:
                reading.leave(found.places[name], f"{name} {version}", "not a version (PEP 440)")
                continue
            reading.requirements.append(only_on(requirement, _where(here, reading.platforms)))


def _where(some: Iterable[Platform], known: Iterable[Platform]) -> frozenset[Platform]:
    here = frozenset(some)
    return EVERYWHERE if here == frozenset(known) else here
