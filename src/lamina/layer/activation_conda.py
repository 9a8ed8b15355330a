"""The lines of the activation scripts for what the conda packages of a layer have to be set up.

Packages bring scripts for it in etc/conda/activate.d and deactivate.d. What only has one for sh
is run by that also from csh and fish, and what it has changed is taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.planting import csh_quoted, fish_quoted, mark, shell_quoted
from lamina.layer.transaction import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HELPER = "conda_scripts.py"
"""In the internal directory of a layer: runs scripts of sh for other shells."""
CSH_ENTER, CSH_LEAVE = f"{INTERNAL}/conda-enter.csh", f"{INTERNAL}/conda-leave.csh"
_ENDINGS = {"posix": ".sh", "csh": ".csh", "fish": ".fish"}
_ENTER, _LEAVE = "etc/conda/activate.d", "etc/conda/deactivate.d"

_POSIX = """\
_lamina_had=${CONDA_PREFIX+x}
_lamina_was=${CONDA_PREFIX:-}
@each@if [ -n "$_lamina_had" ]; then CONDA_PREFIX=$_lamina_was; else unset CONDA_PREFIX; fi
unset _lamina_had _lamina_was
"""
_POSIX_EACH = """\
CONDA_PREFIX=@prefix@
export CONDA_PREFIX
if [ -r @script@ ]; then . @script@; fi
"""
_CSH = """\
if ( $?CONDA_PREFIX ) then
    set _lamina_was = "$CONDA_PREFIX"
endif
@each@unsetenv CONDA_PREFIX
if ( $?_lamina_was ) then
    setenv CONDA_PREFIX ${_lamina_was:q}
    unset _lamina_was
endif
"""
_CSH_EACH = """\
setenv CONDA_PREFIX @prefix@
if ( -r @script@ ) source @script@
"""
_CSH_FOREIGN = """\
setenv _LAMINA_EDIT @helper@
set _lamina_file = "`printenv _LAMINA_EDIT | sh`"
unsetenv _LAMINA_EDIT
source ${_lamina_file:q}
rm -f ${_lamina_file:q}
unset _lamina_file
"""
_CSH_SOURCE = """\
    source ${_lamina_layer:q}"/@file@"
"""
_FISH = """\
set -q CONDA_PREFIX; and set -g _lamina_was $CONDA_PREFIX
@each@set -e CONDA_PREFIX
set -q _lamina_was; and set -gx CONDA_PREFIX $_lamina_was
set -e _lamina_was
"""
_FISH_EACH = """\
set -gx CONDA_PREFIX @prefix@
test -r @script@; and source @script@
"""
_TEXTS = {
    "posix": (shell_quoted, _POSIX, _POSIX_EACH),
    "csh": (csh_quoted, _CSH, _CSH_EACH),
    "fish": (fish_quoted, _FISH, _FISH_EACH),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripts:
    """The scripts of one conda prefix."""

    prefix: str
    """Where it is used."""
    enter: tuple[str, ...]
    """Relative to the prefix."""
    leave: tuple[str, ...]

    def pairs(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return names, each after the prefix."""
        return [(self.prefix, one) for one in names if one.endswith(".sh")]


def scripts_of(prefix: Path, final: Path | None = None) -> list[Scripts]:
    """Return the scripts of a prefix that will be used at ``final``; nothing where it has none."""
    enter, leave = _names(prefix, _ENTER), _names(prefix, _LEAVE)
    if not enter and not leave:
        return []
    # What was set up last is taken down first.
    return [Scripts(prefix=str(final or prefix), enter=enter, leave=leave[::-1])]


def _names(prefix: Path, directory: str) -> tuple[str, ...]:
    endings = tuple(_ENDINGS.values())
    found = sorted(one.name for one in (prefix / directory).glob("*") if one.suffix in endings)
    return tuple(f"{directory}/{name}" for name in found)


def with_scripts(text: str, shell: str, scripts: Sequence[Scripts]) -> str:
    """Return an activation script with the lines for conda packages; ``shell`` as in kept ones.

    ``scripts`` of the prefix that is farthest first.
    """
    if not scripts:
        return text
    entering, leaving = _both(shell, scripts)
    if shell == "csh":
        entering, leaving = (_CSH_SOURCE.replace("@file@", one) for one in (CSH_ENTER, CSH_LEAVE))
    text = text.replace("@enter@\n", f"@enter@\n{entering}")
    return text.replace("@leave@\n", f"{leaving}@leave@\n")


def csh_files(scripts: Sequence[Scripts]) -> dict[str, str]:
    """Return the files of a layer that its activation in csh reads: relative path -> text.

    Words with quotes in them do not go into a block that csh may have to skip.
    """
    return dict(zip((CSH_ENTER, CSH_LEAVE), _both("csh", scripts), strict=True))


def _both(shell: str, scripts: Sequence[Scripts]) -> tuple[str, str]:
    """Return the lines that set up, and those that undo it."""
    entering = "".join(_lines(shell, one, one.enter) for one in scripts)
    return entering, "".join(_lines(shell, one, one.leave) for one in reversed(scripts))


def _lines(shell: str, scripts: Scripts, names: Sequence[str]) -> str:
    quoted, whole, each = _TEXTS[shell]
    ending = _ENDINGS[shell]
    own = [one for one in names if one.endswith(ending)]
    stems = {Path(one).stem for one in own}
    foreign = [one for one in names if one.endswith(".sh") and Path(one).stem not in stems]
    prefix = scripts.prefix
    lines = "".join(
        each.replace("@prefix@", quoted(prefix)).replace("@script@", quoted(f"{prefix}/{name}"))
        for name in own
    )
    text = whole.replace("@each@", lines) if own else ""
    return text + (_foreign(shell, scripts.pairs(foreign)) if foreign else "")


def _foreign(shell: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Return the lines that have scripts of sh change the environment of another shell."""
    if shell == "fish":
        words = " ".join(fish_quoted(word) for pair in pairs for word in pair)
        layer = mark("fish")
        return f"{layer}/bin/python -I -S -B {layer}/{INTERNAL}/{HELPER} fish {words} | source\n"
    words = " ".join(shell_quoted(word) for pair in pairs for word in pair)
    command = (
        f'"$_LAMINA_LAYER/bin/python" -I -S -B "$_LAMINA_LAYER/{INTERNAL}/{HELPER}" csh {words}'
    )
    setting = f"setenv _LAMINA_LAYER {mark('csh')}\n"
    return (
        setting + _CSH_FOREIGN.replace("@helper@", csh_quoted(command)) + "unsetenv _LAMINA_LAYER\n"
    )
