"""Build a layer, or a plain environment, beside its place and put it there by rename.

The scripts, and whatever else names its directory, name the final one from the start or are
rewritten before the rename. A build that was killed leaves a directory with a mark in it, which
the next build for the same place clears away.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from lamina.core import fs, report
from lamina.core.errors import ConflictError
from lamina.core.hold import hold
from lamina.engines.uv_prefix import install_below
from lamina.layer import planting
from lamina.layer.create import plan_layer
from lamina.layer.document import LayerDocument
from lamina.layer.placing import plan_placing
from lamina.layer.record import dump_layer, dump_lock, layer_record
from lamina.layer.start_index import write_own_index
from lamina.layer.transaction import INTERNAL, staged
from lamina.model.digests import digest_of_bytes
from lamina.model.document import parse_toml, validate
from lamina.model.layer_files import LAYER_LOCK_NAME, LAYER_NAME
from lamina.release.relocate import Relocation, relocate_scripts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from lamina.engines.uv_program import UvProgram
    from lamina.layer.base import Base
    from lamina.layer.document import LayerLock
    from lamina.layer.planting import Seed
    from lamina.layer.transaction import Stage
    from lamina.model.artifacts import Artifact
    from lamina.model.names import IndexName

UNFINISHED = "unfinished"
"""In the internal directory of what is being built, until it is in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Files with their addresses, and what fetches and installs them."""

    files: Mapping[Artifact, str]
    indexes: Mapping[IndexName, str]
    uv: UvProgram
    examine: Callable[[Stage], None] | None = None
    """Looks at what is installed before it is moved in; what it raises stops the build."""

    conda: Callable[[Stage, Path], object] | None = None
    """Puts conda packages into a stage of what will be a layer at a path."""

    def install(self, prefix: Path, python: Path) -> None:
        """Install them, their digests checked."""
        if self.files:
            with report.step(f"install {report.counted(len(self.files), 'package')}"):
                install_below(
                    self.uv, self.files, prefix=prefix, python=python, indexes=self.indexes
                )


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Yield a directory next to ``target`` to build in; nothing of it is left on failure.

    Raises ConflictError when somebody else clears it away, StorageError.
    """
    fs.make_directory(target.parent)
    sweep(target)
    stage = target.parent / f"{_start(target)}{uuid4().hex[:12]}"
    try:
        with _marked(stage):
            yield stage
    except BaseException:
        # After an exchange, what was whole before is here: it has no mark.
        if stage.exists() and not _is_kept(stage):
            fs.remove_tree(stage)
        raise


@contextmanager
def _marked(stage: Path) -> Iterator[None]:
    """Hold a new stage, so that nobody sweeps it while we live."""
    internal = stage / INTERNAL
    fs.make_directory(internal)
    with hold(internal / "lock", f"process {os.getpid()}") as holder:
        if holder is not None:
            raise ConflictError(f"{stage}: cleared away by another process", hints=["try again"])
        fs.write_text(internal / UNFINISHED, "", durable=False)
        yield


def finish(place: Path) -> None:
    """Take the mark off what is in its place now."""
    fs.remove_file(place / INTERNAL / UNFINISHED)


def sweep(target: Path) -> None:
    """Remove what killed builds for this place have left; what was whole is only named."""
    if not target.parent.is_dir():
        return
    start = _start(target)
    for left in sorted(one for one in target.parent.iterdir() if one.name.startswith(start)):
        internal = left / INTERNAL
        if not internal.is_dir():
            continue
        with hold(internal / "lock", f"process {os.getpid()}") as holder:
            if holder is None and _is_kept(left):
                report.warn(f"{left} is what was at {target} before: remove it when not needed")
            elif holder is None:
                fs.remove_tree(left)


def _start(target: Path) -> str:
    """Return how the stages for a place begin: plain, as installers quote what is not."""
    return f".building-{digest_of_bytes(os.fsencode(target.name))[:8]}-"


def _is_kept(stage: Path) -> bool:
    """Tell what has been in place, and is somebody's layer, from what never was."""
    marked = (stage / INTERNAL / UNFINISHED).exists()
    return not marked and (stage / "pyvenv.cfg").is_file()


def fill(seed: Seed, stage: Path, final: Path) -> None:
    """Write a seed's tree into the stage of what will be at ``final``; it has its mark already."""
    directories = [one for one in seed["directories"] if not (stage / one).is_dir()]
    try:
        planting.fill({**seed, "directories": directories}, str(stage), str(final))
    except OSError as error:
        raise fs.storage_error(error, final) from error


def build_layer(
    stage: Path, final: Path, base: Base, state: tuple[LayerDocument, LayerLock], goods: Delivery
) -> None:
    """Make a layer in ``stage`` that is one at ``final``, with its documents and packages."""
    document, lock = state
    fill(plan_layer(base), stage, final)
    with staged(stage) as change:
        goods.install(change.prefix, stage / "bin" / "python")
        plan_placing(change)
        if goods.conda is not None:
            goods.conda(change, final)
        if goods.examine is not None:
            goods.examine(change)
        change.write(stage / LAYER_NAME, dump_layer(document))
        change.write(stage / LAYER_LOCK_NAME, dump_lock(lock))
        change.apply()
    relocate_scripts(Relocation(stage=stage, final=final))
    write_own_index(stage, goods.uv.environ)


def document_over(base: Base, requests: tuple[str, ...], given: str | None = None) -> LayerDocument:
    """Return what is recorded of a layer over a base; ``given`` is how the user named that."""
    data = parse_toml(layer_record(base), LAYER_NAME)
    document = validate(LayerDocument, data, LAYER_NAME)
    named = document.base.model_copy(update={"given": given} if given else {})
    return document.model_copy(update={"requests": requests, "base": named})
