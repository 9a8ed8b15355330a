"""Find and read lamina.toml, and its digest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lamina.core.errors import DocumentError, Problem
from lamina.model.digests import Sha256, digest_of_value
from lamina.model.document import parse_toml, read_document, validate
from lamina.stack.consistency import check_consistency
from lamina.stack.document import Stack

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from lamina.model.names import PackageName

STACK_NAME = "lamina.toml"
_OF_BUILDS = frozenset({"requires", "env", "config", "patches", "system", "isolated", "bootstrap"})
"""What shapes the wheel that is built from sources, whichever they are."""
_OF_MACHINES = frozenset({"jobs", "timeout", "system"})
"""What a machine has to have, and how long it may take: what comes out is the same."""
_OF_NO_INDEX = frozenset({"git", "rev", "tag", "branch", "subdirectory", "path"})
"""Not digested where they say nothing, so that locks of before they were there are not stale."""


def find_stack(directory: Path) -> Path:
    """Return the lamina.toml of ``directory`` or the nearest above it; raises DocumentError."""
    for candidate in (directory, *directory.parents):
        path = candidate / STACK_NAME
        if path.is_file():
            return path
        if os.path.lexists(path):
            # Not passed over: the stack above it is another one.
            found = "a link to what is not there" if path.is_symlink() else "not a file"
            raise DocumentError(path, [Problem(where="", found=found)])
    raise DocumentError(
        directory / STACK_NAME,
        [Problem(where="", found="no such file, nor in any directory above")],
        hints=["lamina init"],
    )


def load_stack(path: Path) -> Stack:
    """Read a stack; raises DocumentError with every problem found."""
    return parse_stack(read_document(path), path)


def parse_stack(text: str, path: Path | str) -> Stack:
    """Read a stack from a text that belongs to ``path``; raises DocumentError."""
    return validate(Stack, parse_toml(text, path), path, check=check_consistency)


def check_patches(stack: Stack, path: Path, only: Container[PackageName] | None = None) -> None:
    """Raise DocumentError with each patch that is not beside the lamina.toml at ``path``.

    ``only``: of these packages; None: of all.
    """
    problems = [
        Problem(where=f"packages.{name}.patches[{number}]", found=f"{text!r}: no such file")
        for name, entry in stack.packages.items()
        for number, text in enumerate(entry.patches)
        if (only is None or name in only) and not (path.parent / text).is_file()
    ]
    if problems:
        raise DocumentError(path, problems)


def digest_of_builds(stack: Stack) -> Sha256:
    """Return the digest of what in a stack shapes its packages beyond the files of its lock."""
    whole: dict[str, Any] = stack.model_dump(mode="json", by_alias=True)
    entries = {
        name: {key: entry[key] for key in sorted(_OF_BUILDS - _OF_MACHINES) if entry[key]}
        for name, entry in whole["packages"].items()
    }
    shaped = {name: entry for name, entry in entries.items() if entry}
    build = {key: value for key, value in whole["build"].items() if key not in _OF_MACHINES}
    return digest_of_value([whole["hooks"], build, shaped])


def digest_of_resolution(stack: Stack) -> Sha256:
    """Return the digest of everything in a stack that decides what it resolves to."""
    whole: dict[str, Any] = stack.model_dump(mode="json", by_alias=True)
    relevant = {key: whole[key] for key in ("resolve", "conda", "groups")}
    if not stack.resolve.source:
        del relevant["resolve"]["source"]
    relevant["packages"] = {
        name: {
            key: value
            for key, value in entry.items()
            if key not in _OF_BUILDS and (value is not None or key not in _OF_NO_INDEX)
        }
        # Part of what was digested before builds had more to say; locks of then are not stale.
        | {"source": stack.is_source(name), "requires": [], "env": {}, "patches": []}
        for name, entry in whole["packages"].items()
    }
    relevant["stack"] = {key: whole["stack"][key] for key in ("python", "platforms", "extends")}
    if stack.conda and stack.build.march:
        relevant["march"] = whole["build"]["march"]  # channels have packages for some of them
    return digest_of_value(relevant)
