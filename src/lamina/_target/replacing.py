"""Replace files of a tree in one step each.

Whatever ends a run, every file is the old one or the new one, and whole. Nothing waits for the
disk: like what tar has written just before, what a loss of power leaves is to be unpacked again.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

ENDING = ".lamina-new"
"""Of the names of files that are about to replace others."""
MOST_WAITING = 1 << 26
"""Bytes that are written beside before they are renamed: room that is needed for a moment."""


class Replacements:
    """Files that are written beside those that they replace, and renamed together."""

    def __init__(self) -> None:
        self.size = 0
        self._ready: "List[Tuple[Optional[str], str]]" = []

    def file(self, path: str, data: bytes) -> None:
        """Have other content in a file, its mode kept."""
        mode = os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o644
        with writable(os.path.dirname(path)):
            beside = self._beside(path)
            with open(beside, "wb") as stream:
                stream.write(data)
            os.chmod(beside, mode)
        self.size += len(data)

    def link(self, path: str, target: bytes) -> None:
        """Have another target in a link."""
        with writable(os.path.dirname(path)):
            os.symlink(os.fsdecode(target), self._beside(path))

    def removal(self, path: str) -> None:
        """Have nothing there."""
        self._ready.append((None, path))

    def _beside(self, path: str) -> str:
        directory, name = os.path.split(path)
        beside = os.path.join(directory, ".%s%s" % (name, ENDING))
        if os.path.lexists(beside):
            os.unlink(beside)
        self._ready.append((beside, path))
        return beside

    def commit(self) -> None:
        """Put everything in its place."""
        for beside, path in self._ready:
            with writable(os.path.dirname(path)):
                if beside is None:
                    os.unlink(path)
                else:
                    os.replace(beside, path)
        self._ready, self.size = [], 0

    def discard(self) -> None:
        """Remove what was not put in its place."""
        for beside, _ in self._ready:
            if beside is not None and os.path.lexists(beside):
                with writable(os.path.dirname(beside)):
                    os.unlink(beside)
        self._ready, self.size = [], 0


class writable:  # noqa: N801
    """Lets a directory be written to while the enclosed code runs."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.mode = os.stat(directory).st_mode & 0o7777

    def __enter__(self) -> None:
        if not self.mode & 0o200:
            os.chmod(self.directory, self.mode | 0o700)

    def __exit__(self, *_: object) -> None:
        if not self.mode & 0o200:
            os.chmod(self.directory, self.mode)
