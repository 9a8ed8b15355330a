"""What cvmfs-venv does to a virtual environment (github.com/matthewfeickert/cvmfs-venv, 2025-07).

Two blocks in ``activate``, next to those for PYTHONHOME: where PYTHONPATH is set, the
environment's site-packages go in front of it, and deactivating brings the former value back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_AT_DEACTIVATE = """
    if [ -n "${_OLD_VIRTUAL_PYTHONPATH:-}" ] ; then
        PYTHONPATH="${_OLD_VIRTUAL_PYTHONPATH:-}"
        export PYTHONPATH
        unset _OLD_VIRTUAL_PYTHONPATH
    fi
"""
_AT_ACTIVATION = """
if [ -n "${PYTHONPATH:-}" ] ; then
    _OLD_VIRTUAL_PYTHONPATH="${PYTHONPATH:-}"
    PYTHONPATH="$(echo "${VIRTUAL_ENV}"/lib/python*/site-packages):${_OLD_VIRTUAL_PYTHONPATH}"
    export PYTHONPATH
fi
"""


def edit_activate(script: Path) -> None:
    """Put the blocks where cvmfs-venv puts them: two lines below what ends PYTHONHOME's."""
    lines = script.read_text(encoding="utf-8").splitlines(keepends=True)
    for mark, block in (
        ("unset _OLD_VIRTUAL_PYTHONHOME", _AT_DEACTIVATE),
        ("    unset PYTHONHOME", _AT_ACTIVATION),
    ):
        at = next(n for n, line in enumerate(lines) if mark in line)
        lines.insert(at + 2, block)
    script.write_text("".join(lines), encoding="utf-8")
