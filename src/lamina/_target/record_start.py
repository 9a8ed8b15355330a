"""Import modules and note each file of a prefix that is opened or mapped on the way.

``python -B record_start.py PREFIX ANSWER MODULE...``: a line in ANSWER for each file, as soon as it
is opened, so that a crash loses only what comes after it. A module that cannot be imported is
passed over: whoever wants to know tests it.
"""

import importlib
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, List, Set  # noqa: F401

_WRITING = os.O_WRONLY | os.O_RDWR


class Notes:
    """Writes down files below a prefix, each once."""

    def __init__(self, prefix: str, answer: int) -> None:
        self._start = prefix.rstrip("/") + "/"
        self._answer = answer
        self._seen = set()  # type: Set[str]

    def add(self, path: str) -> None:
        """Note a path, if it is that of a file in the prefix."""
        known = path in self._seen or not path.startswith(self._start)
        if not known and os.path.isfile(path):
            self._seen.add(path)
            os.write(self._answer, os.fsencode(path[len(self._start) :]) + b"\n")

    def hear(self, event: str, values: "Any") -> None:
        """Take what the interpreter announces; see the table of audit events."""
        named = event == "open" and isinstance(values[0], (str, bytes))
        if named and not (values[2] or 0) & _WRITING:
            self.add(os.path.abspath(os.fsdecode(values[0])))


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


def mapped() -> "Iterable[str]":
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
        notes.add(path)
    sys.addaudithook(notes.hear)
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001, S112
            continue
    for path in mapped():
        notes.add(path)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
    sys.stdout.flush()
    os._exit(0)  # What a module does at exit is no part of a start.
