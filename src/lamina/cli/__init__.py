"""The command line: parse, build engines, call one use case, render."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the ``lamina`` program."""
    open_closed_streams()
    ignore_python_path()
    from lamina.cli.quick import try_quickly

    if try_quickly(sys.argv[1:], os.environ):
        return
    from lamina.cli.app import run_program

    run_program()


def open_closed_streams() -> None:
    """Give the standard streams that are closed to nowhere, before a file gets their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def ignore_python_path() -> None:
    """Take PYTHONPATH out of our own module search: the click of somebody's view is not ours.

    The variable itself stays for what is made of it, such as a layer over the environment. Nothing
    changes when lamina itself, or the Python that it runs in, was found there.
    """
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    ours = (sys.prefix, sys.base_prefix, os.path.abspath(f"{__file__}/../../.."))  # noqa: PTH100
    foreign = {
        path
        for path in (os.path.abspath(entry) for entry in given if entry)  # noqa: PTH100
        if not any(path == one or path.startswith(f"{one}{os.sep}") for one in ours)
    }
    sys.path[:] = [entry for entry in sys.path if entry not in foreign]
