"""``bin/python`` of a layer: a link, or where libraries are found by variables, what sets these."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from lamina.layer.planting import mark, shell_quoted
from lamina.layer.variables import LISTS, PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

# The one shell everywhere that can start a program under another name: by its name, the
# interpreter finds the layer.
_SHELL = "/bin/bash"
# -p: no file of BASH_ENV is read.
_START = f"""\
#!{_SHELL} -p
# What the base's libraries are found by has to be set before the interpreter starts.
"""
_LIST = """\
case ":${@name@:-}:" in
    *:@value@:*) ;;
    *) export @name@=@value@"${@name@:+:$@name@}" ;;
esac
"""
_SINGLE = "export @name@=@value@\n"
_END = """\
if [ ! -x @interpreter@ ]; then
    printf 'lamina: the base of this layer is gone: %s (lamina layer check %s)\\n' \\
        @interpreter@ @layer@ >&2
    exit 127
fi
exec -a "$0" @interpreter@ "$@"
"""


def launcher_text(interpreter: str, variables: Mapping[str, str]) -> str | None:
    """Return the text of ``bin/python`` for a base that needs variables.

    None where a link will do: nothing is needed, or this system runs no script that is itself the
    interpreter of scripts, as macOS does not; there these variables need activation.
    """
    needed = {name: value for name, value in sorted(variables.items()) if name != PROGRAMS}
    if not needed or sys.platform == "darwin" or not os.access(_SHELL, os.X_OK):
        return None
    lines = [
        (_LIST if name in LISTS else _SINGLE)
        .replace("@name@", name)
        .replace("@value@", shell_quoted(value))
        for name, value in needed.items()
    ]
    end = _END.replace("@interpreter@", shell_quoted(interpreter)).replace("@layer@", mark("sh"))
    return _START + "".join(lines) + end
