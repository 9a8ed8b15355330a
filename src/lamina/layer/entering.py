"""The environment and the command line that put a program, or a shell, into a place."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import DocumentError, UsageError
from lamina.layer.activation import activation_files
from lamina.layer.base import cache_directory
from lamina.layer.document import load_layer
from lamina.layer.planting import csh_quoted, filled, fish_quoted, mark, prompt_text, shell_quoted
from lamina.layer.scripts import is_run_by
from lamina.layer.variables import PROGRAMS, with_variables
from lamina.model.digests import digest_of_bytes
from lamina.release.conda_activation import is_conda_release, with_conda

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.layer.base import Place

_OTHER_PYTHON = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What to start, and with which environment."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    dropped: tuple[str, ...] = ()
    """Entries of PYTHONPATH that were left out."""


def entered(place: Place, environ: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the environment with a place in force, and what was left out of PYTHONPATH.

    A layer orders its search path itself, so PYTHONPATH is passed on as it is. A release, or any
    other Python, would import from the site-packages of other installations first: those entries
    are left out, the user's own directories stay.
    """
    # Scripts of conda packages find their programs, as they do when it is activated.
    return _in_force(place, with_conda(place.prefix, _with_programs(place, environ)))


def _with_programs(place: Place, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the programs of a place first, and no other Python's library."""
    own = (str(place.programs), place.variables.get(PROGRAMS) if place.kind == "layer" else None)
    path = os.pathsep.join(filter(None, (*own, environ.get("PATH", os.defpath))))
    return {one: value for one, value in environ.items() if one != "PYTHONHOME"} | {"PATH": path}


def _in_force(place: Place, environ: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return an environment for a place, without its programs and what conda packages bring."""
    env = dict(environ)
    if place.kind == "layer":
        env = with_variables(place.variables, env)
        env["VIRTUAL_ENV"] = str(place.prefix)
        env["VIRTUAL_ENV_PROMPT"] = place.prefix.name
        return env, ()
    env.pop("VIRTUAL_ENV", None)
    env.pop("VIRTUAL_ENV_PROMPT", None)
    kept, dropped = _own_entries(environ.get("PYTHONPATH", ""), place)
    env.pop("PYTHONPATH", None)
    if kept:
        env["PYTHONPATH"] = os.pathsep.join(kept)
    return env, dropped


def _own_entries(search: str, place: Place) -> tuple[list[str], tuple[str, ...]]:
    kept, dropped = [], []
    for entry in filter(None, search.split(os.pathsep)):
        foreign = _OTHER_PYTHON.intersection(Path(entry).parts)
        if foreign and not Path(entry).resolve().is_relative_to(place.prefix.resolve()):
            dropped.append(entry)
        else:
            kept.append(entry)
    return kept, tuple(dropped)


def plan_run(place: Place, command: Sequence[str], environ: Mapping[str, str]) -> Entry:
    """Return how to run a command in a place; raises UsageError when there is no such command.

    A script of a layer's base, named by its path, is run by the layer's interpreter: its first line
    names that of the base, which knows nothing of the layer.
    """
    env, dropped = entered(place, environ)
    found = shutil.which(command[0], path=env["PATH"])
    if found is None:
        raise UsageError(
            f"{command[0]}: no such command in {place.prefix} nor on PATH",
            hints=[f"ls {shlex.quote(str(place.programs))}"],
        )
    argv = (found, *command[1:])
    if place.kind == "layer" and os.sep in command[0] and _is_of_the_base(Path(found), place):
        argv = (str(place.programs / "python"), *argv)
    return Entry(argv=argv, environ=env, dropped=dropped)


def _is_of_the_base(program: Path, place: Place) -> bool:
    try:
        base = Path(load_layer(place.prefix).base.python)
    except DocumentError:
        return False
    # A layer below is left alone: whoever names its program wants that one.
    return is_run_by(program, [base, base.resolve()])


def plan_shell(place: Place, environ: Mapping[str, str]) -> Entry:
    """Return how to open the user's shell in a place, in force after its own start-up files.

    Raises UsageError for a shell that lamina does not know.
    """
    shell = environ.get("SHELL") or "/bin/sh"
    kind = Path(shell).name.removeprefix("-")
    if kind not in _START_FILES and kind != "fish":
        raise UsageError(
            f"{shell}: lamina shell knows {', '.join(sorted({*_START_FILES, 'fish'}))}",
            hints=[f"SHELL=/bin/bash lamina shell {shlex.quote(place.given)}"],
        )
    env, dropped = _in_force(place, _with_programs(place, environ))
    # The activation adds these itself, once the user's own files have been read.
    env["PATH"] = environ.get("PATH", os.defpath)
    for name in ("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT"):
        env.pop(name, None)
    start = _start_directory(place, kind, environ)
    return Entry(
        argv=_arguments(shell, kind, start),
        environ=_shell_environment(env, kind, start),
        dropped=dropped,
    )


_BASH = """\
if [ -f ~/.bashrc ]; then . ~/.bashrc; fi
. @start@/activate
"""
_SH = """\
ENV=${LAMINA_USER_ENV-}
unset LAMINA_USER_ENV
if [ -n "$ENV" ] && [ -f "$ENV" ]; then . "$ENV"; else unset ENV; fi
. @start@/activate
"""
_ZSHENV = """\
_lamina_start=$ZDOTDIR
if [[ -n ${LAMINA_USER_ZDOTDIR+x} ]]; then ZDOTDIR=$LAMINA_USER_ZDOTDIR; else unset ZDOTDIR; fi
unset LAMINA_USER_ZDOTDIR
if [[ -f ${ZDOTDIR:-$HOME}/.zshenv ]]; then . ${ZDOTDIR:-$HOME}/.zshenv; fi
if [[ -n ${ZDOTDIR+x} ]]; then _lamina_zdotdir=$ZDOTDIR; fi
ZDOTDIR=$_lamina_start
"""
_ZSHRC = """\
if [[ -n ${_lamina_zdotdir+x} ]]; then ZDOTDIR=$_lamina_zdotdir; else unset ZDOTDIR; fi
unset _lamina_zdotdir _lamina_start
if [[ -f ${ZDOTDIR:-$HOME}/.zshrc ]]; then . ${ZDOTDIR:-$HOME}/.zshrc; fi
. @start@/activate
"""
_CSHRC = """\
setenv HOME "$LAMINA_USER_HOME"
set home = "$LAMINA_USER_HOME"
unsetenv LAMINA_USER_HOME
if ( $?tcsh && -f "$home/.tcshrc" ) then
    source "$home/.tcshrc"
else if ( -f "$home/.cshrc" ) then
    source "$home/.cshrc"
endif
source @start_csh@/activate.csh
"""
_START_FILES: Mapping[str, Mapping[str, str]] = {
    "bash": {"bashrc": _BASH},
    "sh": {"shrc": _SH},
    "dash": {"shrc": _SH},
    "ksh": {"shrc": _SH},
    "zsh": {".zshenv": _ZSHENV, ".zshrc": _ZSHRC},
    "tcsh": {".tcshrc": _CSHRC},
    "csh": {".cshrc": _CSHRC},
}


def _start_directory(place: Place, kind: str, environ: Mapping[str, str]) -> Path:
    """Return a directory of start-up files for a shell in a place, written once."""
    prompt = prompt_text(place.release or place.prefix.name)
    texts = {
        name: filled(text.replace(mark("prompt"), prompt), str(place.prefix))
        for name, text in activation_files().items()
    }
    if place.kind == "layer" or is_conda_release(place.prefix):
        texts = {name: _same(place, name) for name in texts}
    texts |= _START_FILES.get(kind, {})
    whole = "\0".join(f"{name}\0{text}" for name, text in sorted(texts.items()))
    digest = digest_of_bytes(whole.encode("utf-8", "surrogateescape"))
    directory = cache_directory(environ) / "shells" / digest[:16]
    for name, text in texts.items():
        if not (directory / name).exists():
            start = str(directory)
            done = text.replace("@start_csh@", csh_quoted(start))
            done = done.replace("@start@", shell_quoted(start))
            fs.make_directory(directory)
            fs.write_text(directory / name, done, durable=False)
    return directory


def _same(place: Place, name: str) -> str:
    """Return an activation script that reads the layer's own."""
    path = f"{place.prefix}/bin/{name}"
    quoted = {"activate": shell_quoted, "activate.csh": csh_quoted, "activate.fish": fish_quoted}
    word = ". " if name == "activate" else "source "
    return f"{word}{quoted[name](path)}\n"


def _arguments(shell: str, kind: str, start: Path) -> tuple[str, ...]:
    match kind:
        case "bash":
            return (shell, "--rcfile", str(start / "bashrc"), "-i")
        case "fish":
            return (shell, "-i", "-C", f"source {fish_quoted(f'{start}/activate.fish')}")
        case _:
            return (shell, "-i")


def _shell_environment(env: Mapping[str, str], kind: str, start: Path) -> dict[str, str]:
    """Return the environment that leads a shell to its start-up files."""
    result = dict(env)
    match kind:
        case "zsh":
            if "ZDOTDIR" in result:
                result["LAMINA_USER_ZDOTDIR"] = result["ZDOTDIR"]
            result["ZDOTDIR"] = str(start)
        case "tcsh" | "csh":
            result["LAMINA_USER_HOME"] = result.get("HOME", "/")
            result["HOME"] = str(start)
        case "sh" | "dash" | "ksh":
            if "ENV" in result:
                result["LAMINA_USER_ENV"] = result["ENV"]
            result["ENV"] = str(start / "shrc")
    return result
