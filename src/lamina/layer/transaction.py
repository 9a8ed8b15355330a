"""Change a layer's tree all or not at all.

Everything new is staged inside the layer; the change itself is a list of renames, written into a
journal first. Whatever stops it, the next operation reads the journal and renames back.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING
from uuid import uuid4

from lamina.core import fs, report
from lamina.core.errors import ConflictError, DocumentError, Problem, StorageError
from lamina.core.hold import Holder, hold

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INTERNAL = ".lamina"
JOURNAL = f"{INTERNAL}/journal.json"


@contextmanager
def holding(layer: Path) -> Iterator[None]:
    """Let one operation at a time change a layer, and undo what a killed one left half-done.

    Raises ConflictError, with who holds it, when another one is under way.
    """
    internal = layer / INTERNAL
    fs.make_directory(internal)
    with hold(internal / "lock", f"process {os.getpid()}") as holder:
        if holder is not None:
            raise ConflictError(
                f"{layer}: another operation changes this layer ({_who(holder)})",
                hints=["wait for it to end, then run it again"],
            )
        recover(layer)
        yield


def _who(holder: Holder) -> str:
    return f"{holder.owner} on {holder.host}" if holder.owner else "unknown process"


def recover(layer: Path) -> None:
    """Undo what a killed operation left half-done, and clear its stage away."""
    journal = layer / JOURNAL
    if journal.exists():
        _undo(_read_journal(journal, layer))
        fs.remove_file(journal)
    for left in (layer / INTERNAL).glob("stage-*"):
        fs.remove_tree(left)


def settle(layer: Path) -> None:
    """Undo what a killed operation left half-done, before the layer is looked at or used.

    A change that is still under way is left alone, and a layer that is somebody else's.
    """
    if not (layer / JOURNAL).exists():
        return
    try:
        with holding(layer):
            pass
    except ConflictError:
        return
    except StorageError as error:
        report.warn(f"{layer}: a change to it was stopped half-way: {error.message}")


@contextmanager
def unchanged(layer: Path) -> Iterator[None]:
    """Let nobody change a layer while its files leave, and undo what a killed change left before.

    Raises ConflictError while another operation changes it, StorageError where undoing is not ours
    to do.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(holding(layer))
        except StorageError:
            # Somebody else's, which is whole unless a change to it was stopped half-way.
            if (layer / JOURNAL).exists():
                raise
        yield


def _read_journal(journal: Path, layer: Path) -> list[tuple[Path, Path]]:
    """Return the moves to undo; raises DocumentError for what we cannot have written.

    A layer may come from somebody else: no move leads out of it.
    """
    try:
        moves = [
            (PurePath(source), PurePath(target))
            for source, target in json.loads(journal.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, TypeError) as error:
        raise _no_journal(journal, f"not a journal of lamina: {error}") from error
    for path in (one for move in moves for one in move):
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise _no_journal(journal, f"{path} leads out of the layer")
    return [(layer / source, layer / target) for source, target in moves]


def _no_journal(journal: Path, found: str) -> DocumentError:
    return DocumentError(
        journal,
        [Problem(where="", found=found)],
        hints=["make a new layer and add the same requests: lamina layer show"],
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a change is prepared, and the renames that will make it."""

    layer: Path
    path: Path
    moves: list[tuple[Path, Path]] = field(default_factory=list)
    _away: set[Path] = field(default_factory=set)

    @property
    def prefix(self) -> Path:
        """A tree like the layer's, for what comes in."""
        return self.path / "new"

    def there(self, path: Path) -> bool:
        """Tell whether something of the layer is at ``path`` when its turn comes."""
        return os.path.lexists(path) and not self._gone(path)

    def _gone(self, path: Path) -> bool:
        return path in self._away or any(parent in self._away for parent in path.parents)

    def take_out(self, path: Path) -> None:
        """Plan to move something out of the layer."""
        if not self.there(path):
            return
        away = self.path / "old" / path.relative_to(self.layer)
        self.moves.append((path, away))
        self._away.add(path)

    def put_in(self, source: Path, path: Path) -> None:
        """Plan to move something staged into the layer, in the place of what is there."""
        self.take_out(path)
        self.moves.append((source, path))

    def write(self, path: Path, text: str, *, mode: int = 0o644) -> None:
        """Plan to replace a file of the layer."""
        source = self.path / "files" / path.relative_to(self.layer)
        fs.make_directory(source.parent)
        fs.write_text(source, text, mode=mode)
        self.put_in(source, path)

    def link(self, path: Path, target: str) -> None:
        """Plan to make a link in the layer."""
        source = self.path / "links" / path.relative_to(self.layer)
        fs.make_directory(source.parent)
        fs.symlink(source, target)
        self.put_in(source, path)

    def apply(self) -> None:
        """Make the change; on any failure the layer is as it was."""
        journal = self.layer / JOURNAL
        for _, target in self.moves:
            if target.is_relative_to(self.path):
                fs.make_directory(target.parent)
        layer = self.layer
        relative = [[str(one.relative_to(layer)) for one in move] for move in self.moves]
        try:
            fs.write_text(journal, json.dumps(relative))
            for source, target in self.moves:
                fs.rename(source, target)
            # From here on the change stands: without a journal nothing is undone.
            fs.remove_file(journal)
        except BaseException:
            if journal.exists():
                _undo(self.moves)
                fs.remove_file(journal)
            raise


@contextmanager
def staged(layer: Path) -> Iterator[Stage]:
    """Prepare a change in a directory of the layer that is gone afterwards.

    Where undoing was stopped as well, it stays, with its journal, for the next operation.
    """
    path = layer / INTERNAL / f"stage-{uuid4().hex[:12]}"
    fs.make_directory(path)
    try:
        yield Stage(layer=layer, path=path)
    finally:
        if not (layer / JOURNAL).exists():
            fs.remove_tree(path)


def _undo(moves: list[tuple[Path, Path]]) -> None:
    """Rename back, last move first, whatever has been moved."""
    for source, target in reversed(moves):
        if os.path.lexists(target) and not os.path.lexists(source):
            fs.rename(target, source)
