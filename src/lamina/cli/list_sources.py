"""What ``lamina export`` writes as a list: found by what a person names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.options import stack_file
from lamina.core.errors import DocumentError, Problem, UsageError

if TYPE_CHECKING:
    from lamina.export.remarks import Origin
    from lamina.lock.document import Lock
    from lamina.model.platforms import Target
    from lamina.model.references import ReleaseReference
    from lamina.stack.document import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSource:
    """The lock to write in another form, and the stack that knows its indexes."""

    lock: Lock
    lock_path: Path
    stack_path: Path

    def origin(self, targets: tuple[Target, ...], destination: Path | None, root: Path) -> Origin:
        """Return what is written as a list, and where."""
        from lamina.export.remarks import Origin

        return Origin(
            lock=self.lock,
            stack=self._stack(root),
            directory=self.stack_path.parent,
            place=destination.parent if destination else Path(),
            targets=targets,
        )

    def _stack(self, root: Path) -> Stack | None:
        """Return the stack with what it has of its parents, None where the lock stands alone."""
        from lamina.release.root import KEPT_STACK_NAME, MANIFEST_NAME
        from lamina.release.sources import read_stack
        from lamina.resolve.heritage import inherit_as_locked
        from lamina.stack.files import load_stack

        for candidate in (self.stack_path, self.stack_path.with_name(KEPT_STACK_NAME)):
            if candidate.is_file() and (candidate.parent / MANIFEST_NAME).is_file():
                return read_stack(candidate.parent)
            if candidate.is_file():
                stack = load_stack(candidate)
                return inherit_as_locked(stack, candidate, root, self.lock).stack
        return None


def find_list_source(source: str | None, root: Path) -> ListSource:
    """Return what a person means by SOURCE; raises UsageError, DocumentError."""
    from lamina.lock.files import LOCK_NAME
    from lamina.model.references import ReleaseReference

    if source is None:
        stack = stack_file(None)
        return _loaded(stack.with_name(LOCK_NAME), stack)
    path = Path(source)
    if (path / ".lamina" / LOCK_NAME).is_file():
        return _inside(path / ".lamina")
    if path.is_dir():
        return _loaded(path / LOCK_NAME, stack_file(path))
    if path.is_file():
        return _loaded(path, stack_file(path.parent))
    try:
        reference = ReleaseReference.parse(source)
    except ValueError as error:
        raise UsageError(f"{source}: no such file or directory, and no release: {error}") from error
    return _find_release(reference, root)


def _find_release(reference: ReleaseReference, root: Path) -> ListSource:
    """Return the lock and stack inside a release."""
    from lamina.release.root import open_root

    return _inside(open_root(root).find(reference).internal)


def _inside(internal: Path) -> ListSource:
    from lamina.lock.files import LOCK_NAME
    from lamina.release.root import KEPT_STACK_NAME

    return _loaded(internal / LOCK_NAME, internal / KEPT_STACK_NAME)


def _loaded(lock_path: Path, stack_path: Path) -> ListSource:
    from lamina.lock.files import load_lock

    if not lock_path.exists():
        problem = Problem(where="", found="there is no lock")
        raise DocumentError(lock_path, [problem], hints=["lamina lock"])
    return ListSource(lock=load_lock(lock_path), lock_path=lock_path, stack_path=stack_path)
