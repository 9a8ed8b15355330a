"""Import modules and note each file of a prefix that is opened or mapped on the way.

``python -B record_start.py PREFIX ANSWER MODULE...``: a line of JSON in ANSWER for each thing, as
soon as it is known, so that a crash loses only what comes after it:

- ``["file", PATH]``: a file of the prefix, relative to it;
- ``["library", TOP, PATH]``: a file that loading a compiled module of a top-level module maps;
- ``["needs", TOP, OTHER]``: a top-level module imports another one;
- ``["part", PATH, OFFSET, LENGTH]``: this of a mapped file was looked at, to a granule.

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
    from typing import Any, Dict, Iterator, List, Set, Tuple

_WRITING = os.O_WRONLY | os.O_RDWR
_GRANULE = 1 << 16
"""Bytes; Linux maps about as much around what is looked at, so no more can be told."""


class Notes:
    """Writes down what happens, each thing once."""

    def __init__(self, prefix: str, answer: int) -> None:
        self._start = prefix.rstrip("/") + "/"
        self._answer = answer
        self._seen = set()  # type: Set[Tuple[Any, ...]]

    def add(self, *note: "str | int") -> None:
        """Note something."""
        if note not in self._seen:
            self._seen.add(note)
            os.write(self._answer, json.dumps(note).encode("ascii") + b"\n")

    def file(self, path: str) -> None:
        """Note a path, if it is that of a file in the prefix."""
        if path.startswith(self._start) and os.path.isfile(path):
            self.add("file", path[len(self._start) :])

    def part(self, path: str, offset: int, length: int) -> None:
        """Note a part of a file, if it is one of the prefix."""
        if path.startswith(self._start):
            self.add("part", path[len(self._start) :], offset, length)

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
    for words in mappings():
        yield os.fsdecode(words[5])


def mappings() -> "Iterator[List[bytes]]":
    """Yield what proc(5) says of each mapping of a file: addresses, rights, offset and path."""
    try:
        with open("/proc/self/maps", "rb") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split(None, 5)
        if len(words) == 6 and words[5].startswith(b"/"):
            yield words


def looked_at() -> "Dict[str, Set[int]]":
    """Return which granules of mapped files are in memory, by /proc/self/pagemap."""
    found = {}  # type: Dict[str, Set[int]]
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        file = os.open("/proc/self/pagemap", os.O_RDONLY)
    except OSError:
        return found
    for words in mappings():
        start, end = (int(one, 16) // page for one in words[0].split(b"-"))
        entries = os.pread(file, (end - start) * 8, start * 8)
        # Of eight bytes a page, the highest bit of the last says whether it is present.
        there = [at for at, last in enumerate(entries[7::8]) if last & 0x80]
        known = found.setdefault(os.fsdecode(words[5]), set())
        known.update((int(words[2], 16) + at * page) // _GRANULE for at in there)
    os.close(file)
    return found


def joined(granules: "Set[int]") -> "Iterator[Tuple[int, int]]":
    """Yield offset and length, in bytes, of what granules cover together."""
    whole = sorted(granules)
    starts = [one for one in whole if one - 1 not in granules]
    ends = [one for one in whole if one + 1 not in granules]
    for start, end in zip(starts, ends):  # noqa: B905 (3.8 has no strict)
        yield start * _GRANULE, (end + 1 - start) * _GRANULE


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
    for path, granules in looked_at().items():
        notes.file(path)
        for offset, length in joined(granules):
            notes.part(path, offset, length)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
    sys.stdout.flush()
    os._exit(0)  # What a module does at exit is no part of a start.
