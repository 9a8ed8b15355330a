"""From a stack to what the resolver is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lamina.engines.index_settings import public_index, with_credentials_of
from lamina.engines.uv_lock import Preference, UvProject
from lamina.model.names import OF_NO_INDEX, PUBLIC_INDEX
from lamina.resolve.demands import (
    index_of,
    listed_names,
    stack_demands,
    stack_targets,
    target_marker,
)
from lamina.resolve.inherited import Inherited

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.lock.document import Lock
    from lamina.model.names import IndexName, PackageName
    from lamina.model.platforms import Target
    from lamina.stack.document import Stack

_OLDEST_RUNNING = (3, 11)
"""The oldest Python that lamina runs on: resolving uses the interpreter that lamina runs on, and
the targets are given as markers, so no Python of a target's series has to be on this machine."""


def index_addresses(stack: Stack | None, environ: Mapping[str, str]) -> dict[IndexName, str]:
    """Return the address of each index that the stack may use; without one, the public one's.

    With the credentials that the environment has for it: for requests, never to be written down.
    """
    named = stack.resolve.indexes if stack is not None else {}
    return {PUBLIC_INDEX: public_index(environ)} | {
        name: with_credentials_of(name, address, environ) for name, address in named.items()
    }


def named_indexes(stack: Stack) -> dict[PackageName, IndexName]:
    """Return the index of each listed package that is not from the stack's default one."""
    default = stack.resolve.index
    return {
        name: index
        for name in listed_names(stack)
        if (index := index_of(stack, name)) not in {default, *OF_NO_INDEX}
    }


def plan_project(stack: Stack, environ: Mapping[str, str]) -> UvProject:
    """Return the question to the resolver, without preferences."""
    addresses = index_addresses(stack, environ)
    default = stack.resolve.index
    named = named_indexes(stack)
    entries = stack.packages.items()
    source = tuple(sorted(name for name, _ in entries if stack.is_source(name)))
    fixed = {name for name, _ in entries if stack.resolve.source and name not in source}
    limited = tuple(sorted(name for name in named if _is_limited(stack, name)))
    project = UvProject(
        requirements=tuple(str(one) for one in stack_demands(stack)),
        environments=tuple(target_marker(one) for one in stack_targets(stack)),
        requires_python=_requires_python(stack_targets(stack)),
        default_index=addresses[default],
        indexes={index: addresses[index] for index in sorted(set(named.values()))},
        package_indexes=named,
        excluded=waived(stack),
        prereleases=tuple(sorted(name for name, entry in entries if entry.prerelease)),
        only_binary=stack.resolve.only_binary and not stack.resolve.source,
        only_source=stack.resolve.source,
        source=source,
        never_built=tuple(sorted(fixed | ({*limited} - {*source}))),
        exclude_newer=stack.resolve.exclude_newer,
        strategy=stack.resolve.strategy,
        of_any_time=tuple(
            sorted(name for name, entry in entries if isinstance(entry, Inherited) and entry.pins)
        ),
    )
    given = [name for name, entry in entries if entry.no_index and _is_limited(stack, name)]
    return widen(project, [name for name in (*limited, *given) if name in source or name in given])


def widen(project: UvProject, names: Iterable[PackageName]) -> UvProject:
    """Ask for packages everywhere, so that their index holds where others need them too.

    uv takes the index of a package from the requirements of the stack. Where the stack's own
    requirement is limited by a marker and another package needs it elsewhere, uv would turn to
    the default index.
    """
    return replace(project, requirements=(*project.requirements, *sorted(names)))


def waived(stack: Stack) -> dict[PackageName, tuple[PackageName, ...]]:
    """Return the dependencies that a closed stack passes over; none in an open one.

    What a parent passes over for its packages is passed over here too.
    """
    closed = stack.resolve.closed
    return {
        name: tuple(entry.waive)
        for name, entry in stack.packages.items()
        if entry.waive and (closed or isinstance(entry, Inherited))
    }


def prefer(
    project: UvProject,
    lock: Lock,
    addresses: Mapping[IndexName, str],
    upgraded: Iterable[PackageName],
) -> UvProject:
    """Keep the versions of a lock where nothing speaks against it."""
    moved = set(upgraded)
    preferences = [
        Preference(
            name=one.name,
            version=one.version,
            registry=addresses[one.index],
            markers=tuple(target_marker(target) for target in one.targets),
        )
        for one in lock.packages
        if one.name not in moved and one.index in addresses
    ]
    return replace(project, preferences=tuple(preferences))


def _is_limited(stack: Stack, name: PackageName) -> bool:
    """Tell whether every requirement of the stack on a package has a marker."""
    return all(one.marker is not None for one in stack_demands(stack) if one.name == name)


def _requires_python(targets: tuple[Target, ...]) -> str:
    oldest = min((one.python.major, one.python.minor) for one in targets)
    floor = min(oldest, _OLDEST_RUNNING)
    return f">={floor[0]}.{floor[1]}"
