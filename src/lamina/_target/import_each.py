"""Import each of the modules that the JSON list in the file ``argv[1]`` names.

For each, one JSON line when it begins and one when it is done, on the original standard output;
what the modules themselves print goes to standard error. A module that ends the process is the one
that has begun and not ended.
"""

import importlib
import importlib.util
import json
import os
import sys


def _absent(error: BaseException) -> str:
    """Return the top-level module that is missing altogether, empty when it is something else."""
    top = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not top:
        return ""
    try:
        return "" if importlib.util.find_spec(top) else top
    except (ImportError, ValueError):
        return ""


def main() -> None:
    """Import each module."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**fact: object) -> None:
        answers.write(json.dumps(fact) + "\n")
        answers.flush()

    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    with open(sys.argv[1], encoding="utf-8") as stream:
        names = json.load(stream)
    for name in names:
        say(begin=name)
        error = absent = ""
        try:
            importlib.import_module(name)
        except BaseException as caught:  # noqa: BLE001 (modules may raise anything, SystemExit too)
            error = "%s: %s" % (type(caught).__name__, caught)
            absent = _absent(caught)
        say(end=name, error=error, absent=absent)
    # Threads and exit functions of what was imported are no matter of ours.
    os._exit(0)


if __name__ == "__main__":
    main()
