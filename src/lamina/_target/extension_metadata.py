"""Tell what extensions say of themselves; runs in the interpreter of the release.

The file ``argv[1]`` has a JSON array of entry point values, ``module`` or ``module:object``.
Standard output gets one JSON object: value -> {"told": {...}} or {"error": "..."}; what the
modules themselves print goes to standard error.
"""

import importlib
import json
import os
import sys
from typing import Any

KEYS = ("priority", "extends", "setups", "default_setup", "primary_extension")


def told_by(value: str) -> "dict[str, Any]":
    """Return what an extension says: by a dictionary, by what a call returns, by attributes."""
    module, _, path = value.partition(":")
    found: Any = importlib.import_module(module.strip())
    for name in path.partition("[")[0].strip().split(".") if path else ():
        found = getattr(found, name)
    if callable(found) and not isinstance(found, type):
        found = found()
    if isinstance(found, dict):
        return {key: found[key] for key in KEYS if key in found}
    return {key: getattr(found, key) for key in KEYS if hasattr(found, key)}


def plain(value: Any) -> Any:
    """Return a JSON value; of what is none, its text."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return str(value)


def main() -> None:
    """Answer for each value."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    with open(sys.argv[1], encoding="utf-8") as stream:
        values = json.load(stream)
    found: "dict[str, dict[str, Any]]" = {}
    for value in values:
        try:
            told = told_by(value)
            found[value] = {"told": {key: plain(one) for key, one in told.items()}}
        except BaseException as error:  # noqa: BLE001 (modules may raise anything, SystemExit too)
            found[value] = {"error": "%s: %s" % (type(error).__name__, error)}
    answer.write(json.dumps(found))
    answer.flush()
    # Threads and exit functions of what was imported are no matter of ours.
    os._exit(0)


if __name__ == "__main__":
    main()
