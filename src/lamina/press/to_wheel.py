"""A conda package as a wheel."""

from __future__ import annotations

import re
from configparser import Error
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version

from lamina.archive.reading import LATEST_TIME
from lamina.core import fs
from lamina.core.errors import IntegrityError, NotSupportedError
from lamina.press.bundling import Bundler
from lamina.press.conda_package import open_package
from lamina.press.distribution import programs_of
from lamina.press.module_tags import python_and_abi
from lamina.press.names import conda_name, distribution_name
from lamina.press.outcome import Pressed
from lamina.press.places import info_of, refuse_prefix, stage_files
from lamina.press.stock import Stock
from lamina.press.wheel_metadata import (
    Dependencies,
    entry_points_with,
    made_metadata,
    not_named,
    sort_dependencies,
)
from lamina.press.wheel_writing import write_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lamina.press.conda_package import CondaPackage
    from lamina.press.outcome import Bundled
    from lamina.press.places import Staged

_COMPILED = re.compile(r"\.(?:so|dylib|pyd|dll)(?:\.[\d.]+)?$")


_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToWheel:
    """What conda packages are made into wheels with."""

    names: Mapping[str, str] = field(default_factory=dict)
    given: Sequence[Path] = ()
    """Packages whose shared libraries may be taken in."""
    channels: Sequence[str] = ()
    """Where libraries are looked for that none of those has."""
    moment: datetime | None = None
    """None: when each package was built."""
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """What a wheel is called, and the metadata that says so."""

    name: str
    version: str
    metadata: str
    entry_points: str
    wanted: Dependencies

    @property
    def stem(self) -> str:
        """NAME-VERSION, as file names have it."""
        return f"{canonicalize_name(self.name).replace('-', '_')}-{self.version}"


def press_packages(
    files: Sequence[Path], directory: Path, work: Path, wanted: ToWheel
) -> list[Pressed]:
    """Write a wheel of each conda package into ``directory``, in the order of ``files``.

    Raises IntegrityError for a package that is damaged or contradicts itself, NotSupportedError
    for what no wheel can have, UnsatisfiableError for libraries that no package has, UsageError.
    """
    opened = [open_package(one, work / f"given-{n}") for n, one in enumerate(wanted.given)]
    found = []
    for number, file in enumerate(files):
        place = work / f"package-{number}"
        package = open_package(file, place / "package")
        given = [package, *opened]
        stock = Stock(given=given, channels=wanted.channels, work=place, environ=wanted.environ)
        found.append(_press(package, directory, place / "wheel", stock, wanted))
    return found


def _press(
    package: CondaPackage, directory: Path, tree: Path, stock: Stock, wanted: ToWheel
) -> Pressed:
    if not package.site:
        raise NotSupportedError(
            f"{package.contents.file}: has no Python modules, so there is no wheel of it",
            hints=["lamina press --with it PACKAGE takes its libraries into the wheel of PACKAGE"],
        )
    identity = _identity(package, stock, wanted.names)
    programs = dict(programs_of(identity.entry_points))
    staged = stage_files(package, tree, f"{identity.stem}.data", programs)
    tag, bundled = _compiled(package, staged, stock, identity, wanted.environ)
    _write_info(staged, identity, tag)
    target = directory / f"{identity.stem}-{tag}.whl"
    fs.make_directory(directory)
    info = f"{identity.stem}.dist-info"
    moment = wanted.moment or _built(package)
    write_wheel(tree, staged.files, info, target, moment=moment)
    taken = {one.package.rsplit("-", 2)[0] for one in bundled}
    unnamed = [one for one in identity.wanted.conda_only if one.split()[0] not in taken]
    return Pressed(
        source=package.contents.file,
        archive=target,
        kind=tag,
        needs=tuple(identity.wanted.requirements),
        bundled=bundled,
        conda_only=tuple(unnamed),
        warnings=tuple(dict.fromkeys([*identity.wanted.warnings, *staged.warnings])),
    )


def _identity(package: CondaPackage, stock: Stock, names: Mapping[str, str]) -> _Identity:
    """Return name, version and metadata: the package's own, or made of what conda knows."""
    file = package.contents.file
    info = info_of(package)
    own = package.top / package.site / info
    entry_points = own / "entry_points.txt"
    try:
        text = entry_points.read_text(encoding="utf-8") if info and entry_points.is_file() else ""
        text = entry_points_with(text, package.contents.entry_points)
        metadata = (own / "METADATA").read_text(encoding="utf-8") if info else ""
        headers = HeaderParser().parsestr(metadata)
        name, version = headers["Name"] or "", headers["Version"] or ""
        if info and not (name and version):
            raise IntegrityError(f"{file}: its METADATA has no name or no version")
        wanted = _dependencies(package, headers.get_all("Requires-Dist", []), names, stock)
        if not info:
            index = package.contents.index
            name = distribution_name(index["name"], names) or index["name"]
            version = index["version"]
            metadata = made_metadata(index, package.about, name, wanted)
            wanted.warnings.append("has no metadata of Python: made of what conda says")
        normal = str(Version(version))
        canonicalize_name(name, validate=True)  # it becomes a part of paths
    except (OSError, ValueError, Error) as error:
        raise IntegrityError(f"{file}: its metadata: {error}") from error
    _compare(package, name, normal, names, wanted)
    return _Identity(name=name, version=normal, metadata=metadata, entry_points=text, wanted=wanted)


def _dependencies(
    package: CondaPackage, requirements: list[str], names: Mapping[str, str], stock: Stock
) -> Dependencies:
    if info_of(package):
        conda_only = not_named(package.depends, requirements, names)
        return Dependencies(requirements=requirements, conda_only=conda_only)

    def is_python(name: str) -> bool:
        other = stock.package(name)
        return other is not None and bool(other.site)

    return sort_dependencies(package.depends, names, is_python)


def _compare(
    package: CondaPackage,
    name: str,
    version: str,
    names: Mapping[str, str],
    wanted: Dependencies,
) -> None:
    """Warn where conda and the metadata speak of different things; the metadata counts."""
    index = package.contents.index
    if conda_name(name, names) != index["name"]:
        wanted.warnings.append(f"the distribution in {index['name']} is called {name}")
    try:
        same = canonicalize_version(index["version"]) == canonicalize_version(version)
    except InvalidVersion:
        same = False
    if not same:
        wanted.warnings.append(f"conda's version is {index['version']}, its own {version}")


def _compiled(
    package: CondaPackage,
    staged: Staged,
    stock: Stock,
    identity: _Identity,
    environ: Mapping[str, str],
) -> tuple[str, tuple[Bundled, ...]]:
    """Return the tag of the wheel, and what was taken into it."""
    compiled = [one for one in staged.files if _COMPILED.search(one)]
    linux = package.platform is not None and package.platform.startswith("linux")
    if compiled and not linux:
        where = package.platform or "every platform"
        raise NotSupportedError(
            f"{package.contents.file}: {compiled[0]} in a package for {where}: only what is "
            "compiled for Linux can be read"
        )
    if package.platform is None or not linux:
        return "py3-none-any", ()
    bundler = Bundler(
        package=package,
        platform=package.platform,
        staged=staged,
        stock=stock,
        directory=f"{identity.stem.rpartition('-')[0]}.libs",
        environ=environ,
    )
    own = list(staged.files)
    policy = bundler.bundle()
    _check_prefix(package, staged, bundler.binaries)
    _say_unused(staged, bundler)
    if not bundler.binaries:
        return "py3-none-any", ()
    if not policy.known:
        staged.warnings.append("uses newer symbols than any manylinux has: for machines like yours")
    modules = [place for place in bundler.binaries if place in own]
    python, abi = python_and_abi(package, staged.top, modules)
    return f"{python}-{abi}-{policy.tag}", tuple(bundler.bundled.values())


def _check_prefix(package: CondaPackage, staged: Staged, binaries: Iterable[str]) -> None:
    """Raise NotSupportedError for binaries that name the prefix outside of their search path."""
    placeholders = {one.placeholder.encode() for one in package.contents.paths if one.placeholder}
    found = []
    for place in binaries:
        data = (staged.top / place).read_bytes()
        if any(one in data for one in placeholders):
            found.append(place)
    if found:
        refuse_prefix(package, found)


def _say_unused(staged: Staged, bundler: Bundler) -> None:
    for path in staged.libraries:
        if path.rpartition("/")[2] not in bundler.bundled:
            staged.warnings.append(f"{path}: no module of the wheel needs it; left out")


def _write_info(staged: Staged, identity: _Identity, tag: str) -> None:
    """Write the .dist-info under its normal name."""
    info = f"{identity.stem}.dist-info"
    if staged.info and staged.info != info:
        fs.rename(staged.top / staged.info, staged.top / info)
    old = f"{staged.info}/"
    staged.files = [
        f"{info}/{one.removeprefix(old)}" if staged.info and one.startswith(old) else one
        for one in staged.files
    ]
    python, abi, platforms = tag.split("-")
    lines = ["Wheel-Version: 1.0", "Generator: lamina"]
    lines.append(f"Root-Is-Purelib: {'true' if platforms == 'any' else 'false'}")
    lines += [f"Tag: {python}-{abi}-{platform}" for platform in platforms.split(".")]
    texts = {"METADATA": identity.metadata, "WHEEL": "\n".join([*lines, ""])}
    if identity.entry_points:
        texts["entry_points.txt"] = identity.entry_points
    fs.make_directory(staged.top / info)
    for name, text in texts.items():
        fs.write_text(staged.top / info / name, text, durable=False)
    staged.files = sorted({*staged.files, *(f"{info}/{name}" for name in texts)})


def _built(package: CondaPackage) -> datetime:
    """Return when a package was built; the earliest time of a zip where it does not say."""
    timestamp = package.contents.index.get("timestamp") or 0
    # The oldest packages have seconds.
    seconds = timestamp / 1000 if timestamp > LATEST_TIME else timestamp
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else _EARLIEST
