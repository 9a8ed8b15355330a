"""Find and read lamina.toml, and its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina.core.errors import DocumentError, Problem
from lamina.model.digests import Sha256, digest_of_value
from lamina.model.document import load_toml, validate
from lamina.stack.document import Stack

if TYPE_CHECKING:
    from pathlib import Path

STACK_NAME = "lamina.toml"


def find_stack(directory: Path) -> Path:
    """Return the lamina.toml of ``directory`` or the nearest above it; raises DocumentError."""
    for candidate in (directory, *directory.parents):
        if (candidate / STACK_NAME).is_file():
            return candidate / STACK_NAME
    raise DocumentError(
        directory / STACK_NAME,
        [Problem(where="", found="no such file, nor in any directory above")],
        hints=["lamina init"],
    )


def load_stack(path: Path) -> Stack:
    """Read a stack; raises DocumentError with every problem found."""
    return validate(Stack, load_toml(path), path)


def digest_of_resolution(stack: Stack) -> Sha256:
    """Return the digest of everything in a stack that decides what it resolves to."""
    whole: dict[str, Any] = stack.model_dump(mode="json", by_alias=True)
    relevant = {key: whole[key] for key in ("resolve", "packages", "conda", "groups")}
    relevant["stack"] = {key: whole["stack"][key] for key in ("python", "platforms", "extends")}
    return digest_of_value(relevant)
