"""Packages of no index, in lists: where a form can say it; elsewhere they are refused by name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import NotSupportedError
from lamina.model.toml import toml_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.platforms import Target


def packages_of_no_index(lock: Lock, targets: Iterable[Target]) -> dict[str, LockedPackage]:
    """Return them by their names."""
    every = (one for target in targets for one in lock.packages_for(target))
    return {one.name: one for one in every if one.origin is not None}


def refuse_origins(
    lock: Lock, targets: Iterable[Target], form: str, *, paths_only: bool = False
) -> None:
    """Raise NotSupportedError for a form that cannot say where a package comes from."""
    found = packages_of_no_index(lock, targets).values()
    refused = [one for one in found if not paths_only or (one.origin and one.origin.path)]
    if refused:
        named = ", ".join(f"{one.name} ({_where(one)})" for one in refused)
        raise NotSupportedError(
            f"{form} cannot say where packages come from that are of no index: {named}",
            hints=["lamina export --as pylock", "lamina publish, and an export of the release"],
        )


def _where(package: LockedPackage) -> str:
    origin = package.origin
    return "" if origin is None else f"git {origin.git}" if origin.git else f"path {origin.path}"


def git_requirement(package: LockedPackage) -> str:
    """Return ``name @ git+address@commit``, as pip and uv read it."""
    origin = package.origin
    assert origin is not None  # noqa: S101 - callers have looked
    end = f"#subdirectory={origin.subdirectory}" if origin.subdirectory else ""
    return f"{package.name} @ git+{git_address(str(origin.git))}@{origin.commit}{end}"


def git_address(url: str) -> str:
    """Return the address of a repository as a URL, which ``git@host:path`` is not."""
    return url if "://" in url else re.sub(r"^([^:]+):", r"ssh://\1/", url)


def paths_from(
    place: Path, lock: Lock, targets: Iterable[Target], directory: Path | None
) -> dict[str, str]:
    """Return the paths of packages that have one, from ``place``, the directory of a list.

    ``directory``: that of lamina.toml. None for a release, which does not have them: they stay as
    the stack has them.
    """
    found = packages_of_no_index(lock, targets)
    paths = {name: one.origin.path for name, one in found.items() if one.origin and one.origin.path}
    if directory is None:
        return paths
    # Where a directory is a link, ".." leads elsewhere than its name says.
    here = place.resolve()
    return {
        name: Path(os.path.relpath(directory.resolve() / path, here)).as_posix()
        for name, path in paths.items()
    }


def pylock_lines(package: LockedPackage, paths: Mapping[str, str]) -> Iterator[str]:
    """Yield what PEP 751 has in place of an index and files: a table of what is built.

    ``paths``: what ``paths_from`` says.
    """
    origin = package.origin
    assert origin is not None  # noqa: S101 - callers have looked
    if origin.git is not None:
        fields = {"type": "git", "url": git_address(origin.git)}
        if origin.requested:
            fields["requested-revision"] = origin.requested.partition(" ")[2]
        fields["commit-id"] = str(origin.commit)
        if origin.subdirectory:
            fields["subdirectory"] = origin.subdirectory
        yield f"vcs = {_inline(fields)}"
        return
    path = paths[package.name]
    if path.endswith((".whl", ".tar.gz", ".zip")):
        digest = f"{{ sha256 = {toml_text(package.artifacts[0].sha256)} }}"
        yield f"archive = {{ path = {toml_text(path)}, hashes = {digest} }}"
    else:
        yield f"directory = {{ path = {toml_text(path)}, editable = false }}"


def _inline(fields: dict[str, str]) -> str:
    return f"{{ {', '.join(f'{key} = {toml_text(text)}' for key, text in fields.items())} }}"
