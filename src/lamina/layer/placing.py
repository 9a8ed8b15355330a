"""Which files leave a layer and which come in, as moves of a staged change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.engines.records import claims, read_record
from lamina.layer.guards import guards_over
from lamina.layer.ownership import is_of_the_layer
from lamina.layer.planting import filled
from lamina.layer.scripts import DISPATCHER, base_scripts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.engines.probe import BaseProbe, Distribution
    from lamina.layer.transaction import Stage

_TREES = ("lib", "bin", "share", "etc", "include", "man")


def plan_removal(
    stage: Stage, distributions: Iterable[Distribution], staying: Iterable[Distribution] = ()
) -> set[Path]:
    """Plan to take the files of distributions out; return all of them.

    What one that stays lists as well is left.
    """
    files: set[Path] = set()
    for one in distributions:
        files |= recorded_files(one, stage.layer)
    if files:
        files -= {path for one in staying for path in recorded_files(one, stage.layer)}
    tops = {stage.layer / path.relative_to(stage.layer).parts[0] for path in files}
    for top in sorted(tops):
        _take_out(stage, top, files, keep=True)
    return files


def recorded_files(one: Distribution, layer: Path) -> set[Path]:
    """Return the files of a distribution by its RECORD: in the layer, and not the layer's own."""
    record = Path(one.location) / one.metadata / "RECORD"
    found = {record}
    for name, _ in read_record(record):
        path = Path(name)
        if (
            path.is_relative_to(layer)
            and path != layer
            and not is_of_the_layer(path.relative_to(layer))
        ):
            found.add(path)
    return found


def _take_out(stage: Stage, directory: Path, files: set[Path], *, keep: bool) -> bool:
    """Take files out, whole directories where nothing else is in them; tell if all went."""
    whole, inner = _whole(directory, files)
    if whole and inner and not keep:
        stage.take_out(directory)
        return True
    for path in inner:
        if path.is_dir() and not path.is_symlink():
            _take_out(stage, path, files, keep=_is_skeleton(path, stage.layer))
        elif path in files or _is_byte_code_of(path, files):
            stage.take_out(path)
    return False


def _is_skeleton(path: Path, layer: Path) -> bool:
    """Tell whether a directory is part of every layer, and stays even when empty."""
    parts = path.relative_to(layer).parts
    return parts[0] == "lib" and len(parts) <= 3


def _whole(directory: Path, files: set[Path]) -> tuple[bool, list[Path]]:
    """Return whether everything below a directory goes, and what is in it."""
    try:
        inner = sorted(directory.iterdir())
    except OSError:
        return False, []
    whole = bool(inner) or directory.name == "__pycache__"
    for path in inner:
        if path.is_dir() and not path.is_symlink():
            whole = whole and _whole(path, files)[0]
        else:
            whole = whole and (path in files or _is_byte_code_of(path, files))
    return whole, inner


def _is_byte_code_of(path: Path, files: set[Path]) -> bool:
    if path.suffix != ".pyc" or path.parent.name != "__pycache__":
        return False
    return path.parent.parent / f"{path.name.split('.', 1)[0]}.py" in files


def plan_placing(stage: Stage) -> None:
    """Plan to move what was installed into the stage to the same places of the layer.

    Raises IntegrityError for a package that brings a file of the layer itself.
    """
    _refuse_intruders(stage.prefix)
    for name in _TREES:
        if (stage.prefix / name).is_dir():
            _place(stage, stage.prefix / name, stage.layer / name)


def _refuse_intruders(prefix: Path) -> None:
    wrong = [
        (many[0].distribution, os.path.relpath(path, prefix))
        for site in prefix.glob("lib/python*/site-packages")
        for path, many in claims(site).items()
        if is_of_the_layer(Path(os.path.relpath(path, prefix)))
    ]
    if wrong:
        said = "; ".join(f"{who} brings {path}" for who, path in sorted(wrong))
        raise IntegrityError(f"{said}: that belongs to the layer itself")


def _place(stage: Stage, source: Path, target: Path) -> None:
    if not stage.there(target) or source.is_symlink() or not source.is_dir() or not target.is_dir():
        stage.put_in(source, target)
    elif target.is_symlink():
        stage.put_in(_unfolded(source, target), target)
    else:
        for inner in sorted(source.iterdir()):
            _place(stage, inner, target / inner.name)


def _unfolded(source: Path, link: Path) -> Path:
    """Add links to everything behind ``link`` to a staged directory that takes its place."""
    _merge(source, Path(os.path.normpath(link.parent / link.readlink())))
    return source


def _merge(mine: Path, behind: Path) -> None:
    for inner in sorted(behind.iterdir()):
        own = mine / inner.name
        if not os.path.lexists(own):
            fs.symlink(own, inner)
        elif own.is_dir() and inner.is_dir() and not own.is_symlink():
            _merge(own, inner)


def plan_uncovering(stage: Stage, gone: set[Path], base: BaseProbe) -> None:
    """Plan to show again what removed files had hidden: guards, scripts and data of the base."""
    entries, python_files, programs = base_scripts(base)
    guards = guards_over(base, programs)
    coming = {target for _, target in stage.moves}
    for path in sorted(gone):
        relative = path.relative_to(stage.layer)
        if path in coming or _covered(path, stage.layer, coming):
            continue
        if relative.parts[0] == "bin" and len(relative.parts) == 2:
            if path.name in guards:
                stage.write(path, filled(guards[path.name], str(stage.layer)), mode=0o755)
            elif path.name in {*entries, *python_files}:
                stage.link(path, DISPATCHER)
            elif path.name in programs:
                stage.link(path, programs[path.name])
        elif relative.parts[0] in {"share", "etc"} and path.parent.is_dir():
            _show_data(stage, path, relative, base)


def _covered(path: Path, layer: Path, coming: set[Path]) -> bool:
    return any(parent in coming for parent in path.parents if parent != layer)


def _show_data(stage: Stage, path: Path, relative: Path, base: BaseProbe) -> None:
    for prefix in base.data:
        behind = Path(prefix) / relative
        if os.path.lexists(behind) and stage.there(path.parent):
            stage.link(path, str(behind))
            return
