"""Layers that their owners have made known: paper locks in a directory, one a layer.

A librarian sees there which releases are stood on, and what a new one would mean for each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from lamina.core import fs
from lamina.core.errors import DocumentError, Problem
from lamina.layer.paper.document import parse_paper
from lamina.layer.paper.writing import below
from lamina.layer.transaction import INTERNAL
from lamina.model.document import read_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.layer.paper.document import PaperLock

SUFFIX = ".layer.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLayer:
    """One layer that was made known."""

    name: str
    """Whose it is and what it is called, as in the file's name."""
    path: Path
    lock: PaperLock


def shared_path(directory: Path, layer: Path, user: str) -> Path:
    """Return where a layer's lock goes, from whichever machine that sees the layer."""
    words = [_word(user), _word(layer.name), _identity(layer)]
    return directory / f"{'-'.join(words)}{SUFFIX}"


def _identity(layer: Path) -> str:
    """Return what tells a layer from others of its name; made when it is first shared."""
    place = layer / INTERNAL / "shared-as"
    if not place.exists():
        fs.make_directory(place.parent)
        fs.write_text(place, uuid4().hex[:8])
    return _word(place.read_text(encoding="utf-8"))


def share(text: str, place: Path) -> None:
    """Make a layer known; raises StorageError where the directory cannot be written to."""
    fs.write_text(place, text)


def withdraw(place: Path) -> bool:
    """Take it back, and tell whether it was there."""
    there = place.exists()
    fs.remove_file(place)
    return there


def read_shared(directories: Iterable[Path]) -> list[SharedLayer]:
    """Return every layer in some directories, by name.

    Raises DocumentError for the first that cannot be read: who deletes what nobody needs must know
    them all.
    """
    found = []
    for directory in directories:
        if not directory.is_dir():
            raise DocumentError(directory, [Problem(where="", found="no such directory")])
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            lock = parse_paper(read_document(path), path)
            found.append(SharedLayer(name=path.name.removesuffix(SUFFIX), path=path, lock=lock))
    return sorted(found, key=lambda one: (one.name, one.path))


def on_stack(layers: Iterable[SharedLayer], stack: str) -> list[SharedLayer]:
    """Return the layers on a release of a stack."""
    return [one for one in layers if (one.lock.base.release or "").partition("/")[0] == stack]


def stood_on(layers: Iterable[SharedLayer]) -> Mapping[str, list[str]]:
    """Return who stands on what: by the prefix of the base, and by the name of the release.

    Raises DocumentError for a layer on a layer that cannot be asked what it stands on.
    """
    found: dict[str, list[str]] = {}
    for one in layers:
        base = one.lock.base
        under = base.below or tuple(below(base.kind, base.place.prefix))
        places = [(base.place.prefix, base.release), *((it.prefix, it.release) for it in under)]
        keys = {key for prefix, release in places for key in _keys(Path(prefix), release)}
        for key in sorted(keys):
            found.setdefault(key, []).append(f"the layer {one.name} stands on it")
    return found


def _keys(prefix: Path, release: str | None) -> set[str]:
    return {prefix.as_posix(), prefix.resolve().as_posix()} | ({release} if release else set())


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "_", text)[:40] or "layer"
