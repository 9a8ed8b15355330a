"""Where the packages of a release come from, those of its parents included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.lock.files import LOCK_NAME, load_lock
from lamina.release.manifest import load_manifest
from lamina.release.root import KEPT_STACK_NAME, MANIFEST_NAME
from lamina.stack.document import PackageEntry
from lamina.stack.files import load_stack

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.root import Release
    from lamina.stack.document import Stack


def stack_inside(release: Release) -> Stack:
    """Return the stack that a release was made from, as ``read_stack`` does."""
    return read_stack(release.internal)


def read_stack(internal: Path) -> Stack:
    """Return the stack of a release from its ``.lamina``, with what it does not say of indexes.

    Packages of parents keep the index that they have there: they are entered with it, and its
    address is found. Raises DocumentError.
    """
    stack = load_stack(internal / KEPT_STACK_NAME)
    if not stack.stack.extends:
        return stack
    manifest = load_manifest(internal / MANIFEST_NAME)
    entered = {
        one.name: (stack.packages.get(one.name) or PackageEntry()).model_copy(
            update={"index": one.index}
        )
        for one in load_lock(internal / LOCK_NAME).packages
        if one.name in stack.packages or one.index != stack.resolve.index
    }
    resolve = stack.resolve.model_copy(
        update={"indexes": {**manifest.indexes, **stack.resolve.indexes}}
    )
    return stack.model_copy(update={"resolve": resolve, "packages": {**stack.packages, **entered}})
