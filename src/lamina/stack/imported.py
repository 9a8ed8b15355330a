"""What was read from another format: packages of a new stack, and what could not come along."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.stack.entries import entry_of, write_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.markers import Marker
    from packaging.requirements import Requirement

    from lamina.model.platforms import Platform, PythonSeries, Target
    from lamina.stack.match_specs import ReadSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaRequest:
    """One conda package that a file asks for."""

    spec: ReadSpec
    platforms: frozenset[Platform]
    """Only on these; empty: on all."""
    where: str
    """File and line, for what is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Requirements, and one sentence for each thing that was left behind."""

    requirements: tuple[Requirement, ...] = ()
    left_behind: tuple[str, ...] = ()
    python: PythonSeries | None = None
    """The series of the Python it was read from, where there was one."""
    name: str | None = None
    """What it calls itself."""
    platforms: tuple[Platform, ...] = ()
    """What it is for, where it says so."""
    channels: tuple[str, ...] = ()
    """Conda channels, the first before the others."""
    conda: tuple[CondaRequest, ...] = ()
    """Conda packages."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Requirements by the name of their group."""
    floors: Mapping[str, str] = field(default_factory=dict)
    """``glibc`` and ``macos``: the oldest that are to be run on."""
    virtual: Mapping[Platform, Mapping[str, str]] = field(default_factory=dict)
    """Virtual packages by platform."""
    entries: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of packages beside the requirements, by normalised name."""
    repositories: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of git of those requirements that come from a repository, by normalised name."""
    hooks: Mapping[str, dict[str, str]] = field(default_factory=dict)
    """Commands by package."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What has to stand beside lamina.toml, by its path from there."""
    closed: bool = False


def one_per_package(imported: Imported, targets: Iterable[Target]) -> Imported:
    """Return it with one requirement a package, which is what [packages] holds.

    Requirements whose marker holds on none of the targets are left behind; those of one package
    under the same marker become one. Of several markers the first is kept.
    """
    environments = [target.marker_environment() for target in targets]
    kept: dict[str, Requirement] = {}
    left = list(imported.left_behind)
    for requirement in imported.requirements:
        name = canonicalize_name(requirement.name)
        if not _holds(requirement.marker, environments):
            left.append(f"{write_requirement(requirement)}: not for the platforms of this stack")
        elif name not in kept:
            kept[name] = requirement
        elif kept[name].marker == requirement.marker:
            kept[name].extras |= requirement.extras
            kept[name].specifier &= requirement.specifier
        else:
            left.append(
                f"{write_requirement(requirement)}: a package stands once in a stack, and"
                f" {write_requirement(kept[name])} came first"
            )
    return replace(imported, requirements=tuple(kept.values()), left_behind=tuple(left))


def _holds(marker: Marker | None, environments: Iterable[dict[str, str]]) -> bool:
    return marker is None or any(marker.evaluate(one) for one in environments)


def entries_of(imported: Imported) -> dict[str, dict[str, Any]]:
    """Return the entries of [packages], by name; a range that names a pre-release allows them."""
    entries: dict[str, dict[str, Any]] = {}
    for requirement in sorted(imported.requirements, key=lambda one: canonicalize_name(one.name)):
        fields = entry_of(requirement)
        if repository := imported.repositories.get(canonicalize_name(requirement.name)):
            any_version = not requirement.specifier
            rest = {key: one for key, one in fields.items() if key != "version" or not any_version}
            fields = {**repository, **rest}
        if requirement.specifier.prereleases:
            fields["prerelease"] = True
        entries[canonicalize_name(requirement.name)] = fields
    return entries
