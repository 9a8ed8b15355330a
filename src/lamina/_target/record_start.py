"""Import modules and note each file of a prefix that is opened or mapped on the way.

``python -B record_start.py PREFIX ANSWER MODULE...``: a line of JSON in ANSWER for each thing, as
soon as it is known, so that a crash loses only what comes after it:

- ``["file", PATH]``: a file of the prefix, relative to it;
- ``["library", TOP, PATH]``: a file that loading a compiled module of a top-level module maps;
- ``["needs", TOP, OTHER]``: a top-level module imports another one.

A module that cannot be imported is passed over: whoever wants to know tests it.
"""

import _imp
import builtins
import importlib
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Set, Tuple  # noqa: F401

_WRITING = os.O_WRONLY | os.O_RDWR


class Notes:
    """Writes down what happens, each thing once."""

    def __init__(self, prefix: str, answer: int) -> None:
        self._start = prefix.rstrip("/") + "/"
        self._answer = answer
        self._seen = set()  # type: Set[Tuple[str, ...]]

    def add(self, *note: str) -> None:
        """Note something."""
        if note not in self._seen:
            self._seen.add(note)
            os.write(self._answer, json.dumps(note).encode("ascii") + b"\n")

    def file(self, path: str) -> None:
        """Note a path, if it is that of a file in the prefix."""
        if path.startswith(self._start) and os.path.isfile(path):
            self.add("file", path[len(self._start) :])

    def hear(self, event: str, values: "Any") -> None:
        """Take what the interpreter announces; see the table of audit events."""
        named = event == "open" and isinstance(values[0], (str, bytes))
        if named and not (values[2] or 0) & _WRITING:
            self.file(os.path.abspath(os.fsdecode(values[0])))

    def watch_libraries(self) -> None:
        """Note what is mapped with each compiled module."""
        create = _imp.create_dynamic

        def create_dynamic(spec: "Any", *words: "Any") -> "Any":
            before = set(mapped())
            try:
                module = create(spec, *words)
            finally:
                self._libraries(spec.name.partition(".")[0], before)
            return module

        _imp.create_dynamic = create_dynamic

    def _libraries(self, top: str, before: "Set[str]") -> None:
        for path in mapped():
            if path not in before and path.startswith(self._start):
                self.add("library", top, path[len(self._start) :])

    def watch_imports(self) -> None:
        """Note who imports whom, also what has been imported before."""
        plain = builtins.__import__

        def watched(name: str, *words: "Any", **named: "Any") -> "Any":
            space = (words[0] if words else named.get("globals")) or {}
            level = words[3] if len(words) > 3 else named.get("level", 0)
            who = str(space.get("__name__", "")).partition(".")[0]
            other = name.partition(".")[0]
            if level == 0 and who and other != who:
                self.add("needs", who, other)
            return plain(name, *words, **named)

        builtins.__import__ = watched


def opened_before(prefix: str) -> "List[str]":
    """Return what the interpreter has opened by now: its settings, and its modules."""
    found = [os.path.join(prefix, "pyvenv.cfg")]
    for directory in sys.path:
        if os.path.isdir(directory):
            names = sorted(os.listdir(directory))
            found += [os.path.join(directory, name) for name in names if name.endswith(".pth")]
    for module in list(sys.modules.values()):
        found.append(getattr(module, "__cached__", None) or getattr(module, "__file__", None) or "")
    return found


def mapped() -> "Iterator[str]":
    """Yield the files that are mapped into memory: programs, libraries, compiled modules."""
    try:
        with open("/proc/self/maps", "rb") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split(None, 5)
        if len(words) == 6 and words[5].startswith(b"/"):
            yield os.fsdecode(words[5])


def main(prefix: str, answer: str, modules: "List[str]") -> None:
    notes = Notes(prefix, os.open(answer, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    for path in opened_before(prefix):
        notes.file(path)
    sys.addaudithook(notes.hear)
    notes.watch_libraries()
    notes.watch_imports()
    for name in modules:
        notes.add("needs", name.partition(".")[0], "")
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001, S112
            continue
    for path in mapped():
        notes.file(path)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
    sys.stdout.flush()
    os._exit(0)  # What a module does at exit is no part of a start.
