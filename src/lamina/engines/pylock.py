"""Write pylock.toml (PEP 751): exact files for uv and pip."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.engines.index_addresses import without_credentials
from lamina.model.artifacts import Artifact, ArtifactKind
from lamina.model.names import OF_NO_INDEX, PUBLIC_INDEX
from lamina.model.toml import toml_text, toml_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from lamina.model.names import IndexName, PackageName

PackageVersion = tuple["PackageName", str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PylockSettings:
    """What a pylock.toml says beside its files."""

    indexes: Mapping[IndexName, str]
    """The address of each index that an artifact names."""
    requires_python: str | None = None
    """PEP 440 range of the Pythons it is for."""
    environments: Sequence[str] = ()
    """PEP 508 markers of the machines it is for."""
    markers: Mapping[PackageVersion, str] = field(default_factory=dict)
    """PEP 508 markers of packages that are not for all of them."""
    origins: Mapping[PackageVersion, Sequence[str]] = field(default_factory=dict)
    """What stands in place of version, index and files, of packages that are of no index."""


def dump_pylock(
    artifacts: Iterable[Artifact], addresses: Mapping[Artifact, str], settings: PylockSettings
) -> str:
    """Return the text; the same input gives the same bytes.

    Each package names its index, so that uv records no direct_url.json for it. Source:
    https://packaging.python.org/en/latest/specifications/pylock-toml/.
    """
    lines = ['lock-version = "1.0"']
    if settings.environments:
        lines.append(f"environments = {toml_texts(settings.environments)}")
    if settings.requires_python:
        lines.append(f"requires-python = {toml_text(settings.requires_python)}")
    lines.append('created-by = "lamina"')
    groups: dict[PackageVersion, list[Artifact]] = {}
    for one in artifacts:
        groups.setdefault((one.package, one.version), []).append(one)
    for package in sorted(groups):
        lines += _package(package, groups[package], addresses, settings)
    return "\n".join(lines) + "\n"


def install_options(
    artifacts: Collection[Artifact], indexes: Mapping[IndexName, str]
) -> Iterator[str]:
    """Yield the options by which uv installs what a pylock.toml names.

    Files are never hard links to uv's cache, and so to other environments: whoever edits one there
    would edit a release. uv's ``clone`` makes such links where the file system has no clones;
    ``copy`` clones too where it can (copy_file_range(2)).

    uv looks in its cache for files of the indexes that it is called with, and fetches all others
    once more. The default index is among them already. Where something is built, the others are
    not named: what a build requires comes from the default index alone.
    """
    yield from ("--preview-features", "pylock", "--link-mode", "copy")
    if any(one.kind is ArtifactKind.SDIST for one in artifacts):
        return
    for name in sorted({one.index for one in artifacts} - {PUBLIC_INDEX, *OF_NO_INDEX}):
        yield from ("--index", _written(indexes[name]))


def _written(address: str) -> str:
    """Return the address as uv itself writes that of the public index: without a slash at its end.

    With one, uv takes it for another index, and caches its files a second time.
    """
    return without_credentials(address).rstrip("/")


def _package(
    package: PackageVersion,
    files: list[Artifact],
    addresses: Mapping[Artifact, str],
    settings: PylockSettings,
) -> list[str]:
    name, version = package
    lines = ["", "[[packages]]", f"name = {toml_text(name)}"]
    if package not in settings.origins:
        # Of a source tree the version must not be there: it follows from the tree.
        lines.append(f"version = {toml_text(version)}")
    if package in settings.markers:
        lines.append(f"marker = {toml_text(settings.markers[package])}")
    if package in settings.origins:
        return [*lines, *settings.origins[package]]
    # What is of no index has one as well, or uv would write down where it is on this machine.
    index = PUBLIC_INDEX if files[0].index in OF_NO_INDEX else files[0].index
    lines.append(f"index = {toml_text(_written(settings.indexes[index]))}")
    ordered = sorted(set(files), key=lambda one: one.filename)
    lines += [
        f"sdist = {_file(one, addresses[one])}" for one in ordered if one.kind is ArtifactKind.SDIST
    ]
    wheels = [one for one in ordered if one.kind is ArtifactKind.WHEEL]
    if wheels:
        lines += ["wheels = [", *(f"    {_file(one, addresses[one])}," for one in wheels), "]"]
    return lines


def _file(one: Artifact, address: str) -> str:
    fields = [f"name = {toml_text(one.filename)}", f"url = {toml_text(address)}"]
    if one.size is not None:
        fields.append(f"size = {one.size}")
    fields.append(f"hashes = {{ sha256 = {toml_text(one.sha256)} }}")
    return f"{{ {', '.join(fields)} }}"
