"""What a stack does to its packages beside installing their files: patches, hooks, variables.

A list of files says nothing of these: whoever installs from one gets the packages without them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.core import fs
from lamina.model.digests import digest_of_value
from lamina.model.told_versions import variables_of_the_stack
from lamina.release.root import INTERNAL, KEPT_STACK_NAME
from lamina.stack.builds import BUILD_HOOKS
from lamina.stack.files import load_stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.lock.document import Lock
    from lamina.model.digests import Sha256
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.stack.document import Stack

BUILD_NAME = "lamina-build.json"
"""In the metadata of a built wheel: what went into it."""
_SETTINGS = ("config", "flags")
_INSTALL_HOOKS = ("pre-install", "post-install")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """What makes a package another one than its file."""

    patches: tuple[tuple[str, str | None], ...] = ()
    """Each as the stack names it, with its digest where that is known."""
    hooks: tuple[str, ...] = ()
    """Names, such as ``post-install``."""
    variables: tuple[str, ...] = ()
    """Names of those that the stack gives to its build, settings of its back end and flags of
    compilers."""
    build: Sha256 | None = None
    """The key of its build, where it is built and that is known."""

    @property
    def words(self) -> tuple[str, ...]:
        """What it consists of, for people; nothing: no more than a build from its source."""
        return (
            *(name for name, _ in self.patches),
            *(f"hook {name}" for name in self.hooks),
            *self.variables,
        )


def render_alterations(found: Mapping[PackageName, Alteration]) -> str:
    """Return in one line which packages are altered, and by what; nothing where none is."""
    return ", ".join(
        f"{name} ({', '.join(one.words)})" for name, one in sorted(found.items()) if one.words
    )


def stack_alterations(
    stack: Stack, lock: Lock, targets: Iterable[Target], directory: Path
) -> dict[PackageName, Alteration]:
    """Return what a stack does to the packages of its lock; patches are beside ``directory``."""
    found: dict[PackageName, Alteration] = {}
    for target in targets:
        built = {one.package for one in lock.source_builds(target)}
        for package in lock.packages_for(target):
            name = package.name
            entry, hooks = stack.packages.get(name), stack.hooks.get(name)
            patches = entry.patches if entry is not None and name in built else ()
            kinds = (*BUILD_HOOKS, *_INSTALL_HOOKS) if name in built else _INSTALL_HOOKS
            one = Alteration(
                patches=tuple((text, _digest(directory / text)) for text in patches),
                hooks=tuple(hooks.of(*kinds)) if hooks is not None else (),
                variables=_variables(stack, name) if name in built else (),
            )
            if one.words:
                found[name] = one
    return found


def _variables(stack: Stack, name: PackageName) -> tuple[str, ...]:
    entry, table = stack.packages.get(name), stack.build
    given = {
        "CFLAGS": table.cflags,
        "CXXFLAGS": table.cxxflags,
        "LDFLAGS": table.ldflags,
        "march": table.march,
    }
    own = {*entry.env, *entry.config} if entry is not None else set()
    return tuple(sorted({*own, *(key for key, value in given.items() if value)}))


def _digest(path: Path) -> str | None:
    return fs.sha256_of(path) if path.is_file() else None


def release_alterations(prefix: Path, stack: Stack | None = None) -> dict[PackageName, Alteration]:
    """Return what was done to the packages in a release, as these and its stack tell.

    ``stack``: the one inside by default. Raises DocumentError.
    """
    stack = stack or load_stack(prefix / INTERNAL / KEPT_STACK_NAME)
    found = {}
    for metadata in sorted(prefix.glob("lib/python3*/site-packages/*.dist-info")):
        name = canonicalize_name(metadata.name.removesuffix(".dist-info").partition("-")[0])
        told, table = read_inputs(metadata / BUILD_NAME), stack.hooks.get(name)
        hooks = tuple(table.of(*_INSTALL_HOOKS)) if table is not None else ()
        if told or hooks:
            found[name] = _altered(told, hooks)
    return found


def read_inputs(path: Path) -> dict[str, Any]:
    """Return what a wheel was built of, empty where that cannot be read."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _altered(told: Mapping[str, Any], hooks: tuple[str, ...]) -> Alteration:
    patches = told.get("patches", ())
    given = {word for part in _SETTINGS for word in told.get(part, {})}
    return Alteration(
        patches=tuple((str(one["name"]), str(one["sha256"])) for one in patches),
        hooks=(*told.get("hooks", {}), *hooks),
        variables=tuple(sorted({*variables_of_the_stack(told), *given})),
        build=digest_of_value(told) if told else None,
    )
