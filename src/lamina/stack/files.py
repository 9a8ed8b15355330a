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
    from pathlib import Path

STACK_NAME = "lamina.toml"


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


def digest_of_resolution(stack: Stack) -> Sha256:
    """Return the digest of everything in a stack that decides what it resolves to."""
    whole: dict[str, Any] = stack.model_dump(mode="json", by_alias=True)
    relevant = {key: whole[key] for key in ("resolve", "packages", "conda", "groups")}
    relevant["stack"] = {key: whole["stack"][key] for key in ("python", "platforms", "extends")}
    return digest_of_value(relevant)
