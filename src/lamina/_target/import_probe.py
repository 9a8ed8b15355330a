"""Import modules and say how it went.

``python -I -B import_probe.py QUESTION ANSWERS``: QUESTION is a JSON file with ``modules``,
``seconds`` and ``keep``; each module adds a line to ANSWERS as soon as it is known, so that a crash
loses one.
"""

import faulthandler
import importlib
import json
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

TOO_LONG = "Timeout ("
"""What the watchdog of the standard library writes before it ends the interpreter."""
_LONGEST = 300


def innermost(error: BaseException) -> "List[BaseException]":
    """Return an error and what it came from, the first cause last."""
    chain = [error]
    while True:
        cause = chain[-1].__cause__ or chain[-1].__context__
        if cause is None or cause in chain:
            return chain
        chain.append(cause)


def files_of(error: BaseException) -> "List[str]":
    """Return the files that an error went through, the innermost last, imports left out."""
    found: "List[str]" = []
    for one in innermost(error):
        for frame, _ in traceback.walk_tb(one.__traceback__):
            name = frame.f_code.co_filename
            if not name.startswith("<") and name != __file__ and os.path.isabs(name):
                found.append(os.path.abspath(name))
    standard = os.path.dirname(os.__file__) + os.sep
    site = os.sep + "site-packages" + os.sep
    return [name for name in found if not name.startswith(standard) or site in name]


def one_line(error: BaseException) -> str:
    """Return the type and the first line of an error."""
    # Where a module is says nothing that lasts.
    place = " (%s)" % getattr(error, "path", None)
    lines = [line.strip() for line in str(error).replace(place, "").split("\n") if line.strip()]
    text = ": ".join([type(error).__name__, *lines[:1]])
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " [...]"


def attempt(module: str) -> "Dict[str, Any]":
    """Import a module and return how it went."""
    error: "Optional[BaseException]" = None
    try:
        importlib.import_module(module)
    except BaseException as caught:  # noqa: BLE001 (modules raise anything, SystemExit included)
        error = caught
    return {
        "module": module,
        "error": None if error is None else one_line(error),
        "files": [] if error is None else files_of(error),
    }


def write_byte_code_below(directory: "Optional[str]") -> None:
    """Keep the byte code of what is new, and leave everything else as it is."""
    plain = SourceFileLoader.set_data

    def set_data(self: "Any", path: str, data: bytes, **options: "Any") -> None:
        parent = os.path.dirname(os.path.dirname(path))
        if directory and (os.path.realpath(parent) + os.sep).startswith(directory + os.sep):
            plain(self, path, data, **options)
            if os.path.exists(path) and os.path.getsize(path) != len(data):
                os.remove(path)  # Cut where the disk is full, which Python before 3.12.8 accepts.

    # The interpreter was started without, so that its start-up wrote none either.
    sys.dont_write_bytecode = False
    setattr(SourceFileLoader, "set_data", set_data)  # noqa: B010 (not what its type says)


def no_core_dumps() -> None:
    """Leave no file behind when a module crashes."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(question: str, answers: str) -> None:
    """Import what is asked for; modules that write to standard output do not disturb."""
    with open(question, encoding="utf-8") as stream:
        asked = json.load(stream)
    no_core_dumps()
    write_byte_code_below(asked["keep"])
    with open(answers, "a", encoding="utf-8") as out, open(os.devnull, "w") as nothing:
        watched = os.fdopen(os.dup(2), "w")
        sys.stdout = nothing
        for module in asked["modules"]:
            faulthandler.dump_traceback_later(asked["seconds"], exit=True, file=watched)
            answer = attempt(module)
            faulthandler.cancel_dump_traceback_later()
            out.write(json.dumps(answer) + "\n")
            out.flush()
    # Threads that modules have started would keep the interpreter alive.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
