"""What ``lamina export`` writes as a list: found by what a person names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.options import environment, stack_file
from lamina.core.errors import DocumentError, Problem, UsageError
from lamina.model.layer_files import LAYER_LOCK_NAME, LAYER_NAME

if TYPE_CHECKING:
    from lamina.export.remarks import Origin
    from lamina.export.sbom import Installed
    from lamina.layer.flattened import Flattened
    from lamina.lock.document import Lock
    from lamina.model.platforms import Target
    from lamina.model.references import ReleaseReference
    from lamina.model.versions import ReleaseVersion
    from lamina.release.root import Release
    from lamina.stack.document import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLayer:
    """A layer as one lock with its base."""

    path: Path
    base: Release
    flat: Flattened

    @property
    def version(self) -> ReleaseVersion:
        """Its version, after that of its base."""
        from lamina.export.layer_identity import layer_version

        return layer_version(self.path, self.base.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSource:
    """The lock to write in another form, and the stack that knows its indexes."""

    lock: Lock
    lock_path: Path
    """Of a layer: that of its base."""
    stack_path: Path
    layer: ListedLayer | None = None
    """None: a lock of a stack, or of its release."""

    @property
    def made_from(self) -> tuple[Path, ...]:
        """The files that nothing may be written over: what it is made from."""
        own = (LAYER_NAME, LAYER_LOCK_NAME)
        layer = tuple(self.layer.path / one for one in own) if self.layer else ()
        return (self.lock_path, self.stack_path, *layer)

    @property
    def told(self) -> dict[str, str]:
        """What ``--json`` says of it."""
        layer = {"layer": str(self.layer.path)} if self.layer else {}
        return {"lock": str(self.lock_path), **layer}

    def origin(self, targets: tuple[Target, ...], destination: Path | None, root: Path) -> Origin:
        """Return what is written as a list, and where."""
        from lamina.export.remarks import Origin

        return Origin(
            lock=self.lock,
            stack=self._stack(root),
            directory=self.stack_path.parent,
            place=destination.parent if destination else Path(),
            targets=targets,
            own=self.layer.flat.own if self.layer else frozenset(),
            left_out=self.layer.flat.left_out if self.layer else (),
            unmet=self.layer.flat.unmet if self.layer else (),
        )

    def installed(self) -> Installed | None:
        """Return what the packages of a layer say of themselves; None: nobody has them yet."""
        from lamina.export.sbom import Installed
        from lamina.release.contents import read_installed

        if self.layer is None:
            return None
        base, own = self.layer.base, self.layer.flat.own
        contents = read_installed(base.prefix)
        contents += [one for one in read_installed(self.layer.path) if one.name in own]
        return Installed(
            version=self.layer.version,
            python=base.manifest().python.version,
            contents={one.name: one for one in contents},
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
    from lamina.layer.base import find_layer, is_layer
    from lamina.lock.files import LOCK_NAME
    from lamina.model.references import ReleaseReference

    if source is None:
        stack = stack_file(None)
        return _loaded(stack.with_name(LOCK_NAME), stack)
    path = Path(source)
    if is_layer(path):
        return _layer(find_layer(path))
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


def _layer(path: Path) -> ListSource:
    """Return a layer and the release below it as one."""
    from lamina.export.layer_identity import layer_name
    from lamina.layer.flattened import flatten
    from lamina.layer.opened import open_layer
    from lamina.layer.release_below import release_below
    from lamina.lock.files import LOCK_NAME
    from lamina.release.root import KEPT_STACK_NAME

    layer = open_layer(path, environment())
    base, flat = release_below(path, layer.document.base), flatten(layer, layer_name(path))
    return ListSource(
        lock=flat.lock,
        lock_path=base.internal / LOCK_NAME,
        stack_path=base.internal / KEPT_STACK_NAME,
        layer=ListedLayer(path=path, base=base, flat=flat),
    )


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
