"""What a stack asks for, as requirements with the line of lamina.toml that each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lamina.lock.document import PARENT, STACK
from lamina.model.names import parse_package_name
from lamina.model.platforms import Target
from lamina.resolve.inherited import Inherited
from lamina.stack.document import ANY_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.model.names import IndexName, PackageName
    from lamina.resolve.inherited import Pin
    from lamina.stack.document import PackageEntry, Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One requirement of the stack."""

    name: PackageName
    specifier: SpecifierSet
    extras: tuple[str, ...]
    marker: Marker | None
    where: str
    """The line of lamina.toml, such as ``packages.numpy = '>=2'``, or the parent's pin."""
    origin: str = STACK
    """Who asks: the stack itself or ``stack:`` and a parent."""

    def holds_for(self, target: Target) -> bool:
        """Tell whether the stack asks for it there."""
        return self.marker is None or self.marker.evaluate(dict(target.marker_environment()))

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f" ; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.specifier}{marker}"


def stack_targets(stack: Stack) -> tuple[Target, ...]:
    """Return every platform with every Python series of the stack."""
    return tuple(
        sorted(Target(*pair) for pair in product(stack.stack.platforms, stack.stack.python))
    )


def target_marker(target: Target) -> str:
    """Return the PEP 508 marker that holds for one target and for no other."""
    series = target.python
    return (
        f"python_full_version >= '{series}' and python_full_version < "
        f"'{series.major}.{series.minor + 1}' and {target.platform.marker}"
    )


def stack_demands(stack: Stack) -> tuple[Demand, ...]:
    """Return what [packages] and [groups] ask for, and what parents bring."""
    entries = sorted(stack.packages.items())
    listed = [_of_entry(name, one) for name, one in entries if not isinstance(one, Inherited)]
    inherited = [
        _of_pin(name, pin, stack_targets(stack))
        for name, one in entries
        if isinstance(one, Inherited)
        for pin in one.pins
    ]
    grouped = [
        _of_group(group, text) for group, texts in sorted(stack.groups.items()) for text in texts
    ]
    return (*listed, *grouped, *inherited)


def listed_names(stack: Stack) -> frozenset[PackageName]:
    """Return every package that the stack names."""
    return frozenset(one.name for one in stack_demands(stack))


def index_of(stack: Stack, name: PackageName) -> IndexName:
    """Return the one index that a package may come from, ``git`` or ``path`` for one of none."""
    entry = stack.packages.get(name)
    return (entry.no_index or entry.index if entry else None) or stack.resolve.index


def _of_entry(name: PackageName, entry: PackageEntry) -> Demand:
    parts = [f"({entry.marker})"] if entry.marker else []
    if entry.platforms:
        parts.append(f"({' or '.join(one.marker for one in sorted(entry.platforms))})")
    return Demand(
        name=name,
        specifier=SpecifierSet("" if entry.version == ANY_VERSION else entry.version),
        extras=tuple(sorted(entry.extras)),
        marker=Marker(" and ".join(parts)) if parts else None,
        where=f"packages.{name} = {entry.version!r}",
    )


def pin_text(name: PackageName, version: str, parent: str) -> str:
    """Return how messages name what a parent holds at its version."""
    return f"{name}=={version} of {parent}"


def _of_pin(name: PackageName, pin: Pin, targets: Iterable[Target]) -> Demand:
    where = [target_marker(one) for one in targets if one in pin.files]
    everywhere = len(where) == len(tuple(targets))
    return Demand(
        name=name,
        specifier=SpecifierSet(f"=={pin.version}"),
        extras=(),
        marker=None if everywhere else Marker(" or ".join(f"({one})" for one in where)),
        where=pin_text(name, pin.version, pin.parent),
        origin=f"{PARENT}{pin.parent}",
    )


def _of_group(group: str, text: str) -> Demand:
    requirement = Requirement(text)
    return Demand(
        name=parse_package_name(requirement.name),
        specifier=requirement.specifier,
        extras=tuple(sorted(parse_package_name(one) for one in requirement.extras)),
        marker=requirement.marker,
        where=f"groups.{group}: {text!r}",
    )


def demands_on(demands: Iterable[Demand], name: PackageName) -> list[Demand]:
    """Return what the stack asks of one package."""
    return [one for one in demands if one.name == name]
