"""Write where the modules of directories are that may change: ``TARGET PREFIX TOP...``.

TARGET is an empty directory for the index, in the form of write_index.py; PREFIX the layer that it
is of. Prints a JSON object. What is in a directory is written with its time of change and its
inode, and layer_index.py uses no part whose directory has others by then. There is no byte code:
whoever reads it from a file of its own sees by that whether it is still that of the source.
"""

import importlib
import json
import os
import sys
import time
from typing import Any, Dict, List, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

_index: Any = importlib.import_module("write_index")

_GRAIN = 20_000_000
"""Nanoseconds: two changes that are no further apart may leave the same time."""


class Tops:
    """Directories of a search path, and what is in them."""

    def __init__(self, prefix: str, tops: "List[str]", writer: Any) -> None:
        self.prefix = prefix
        self.tops = list(dict.fromkeys(top for top in tops if os.path.isdir(top)))
        self.writer = writer
        self.directories = 0

    def sections(self) -> "Dict[str, Any]":
        """Write what is below, and return the sections of the tops, by the path in the prefix."""
        return {self._name(top): self._section(top) for top in self.tops}

    def _name(self, top: str) -> str:
        inside = os.path.relpath(top, self.prefix)
        return top if inside.startswith(os.pardir) else inside

    def _section(self, path: str) -> "Tuple[Any, ...]":
        """Return the section of a directory; those inside it are written first."""
        if path.startswith(self.prefix + os.sep + "lib"):
            _keep_byte_code_apart(path)
        identity = _identity(path)
        here = _index.Directory(path)
        modules = {name: (kind, None) for name, kind in here.modules.items()}
        inside: "Dict[str, Any]" = {}
        for name in here.directories:
            below = os.path.join(path, name)
            if name in modules and below not in self.tops:
                try:
                    inside[name] = self.writer.add(self._section(below))
                except OSError:
                    continue
        self.directories += 1
        return modules, inside, None, "", identity


def _keep_byte_code_apart(path: str) -> None:
    """Make the directory for byte code, so that the first import does not change this one."""
    cache = os.path.join(path, "__pycache__")
    if not os.path.isdir(cache) and any(name.endswith(".py") for name in os.listdir(path)):
        os.mkdir(cache)


def _identity(path: str) -> "Tuple[int, int]":
    found = os.stat(path)
    if time.time_ns() - found.st_mtime_ns < _GRAIN:
        time.sleep(_GRAIN / 1e9)
    return found.st_mtime_ns, found.st_ino


def main(target: str, prefix: str, *tops: str) -> None:
    sys.setrecursionlimit(10_000)
    writer = _index.Writer(target)
    found = Tops(prefix, list(tops), writer)
    writer.finish(b"layer", {"tops": found.sections(), "groups": {}})
    print(json.dumps({"directories": found.directories}))


if __name__ == "__main__":
    main(*sys.argv[1:])
