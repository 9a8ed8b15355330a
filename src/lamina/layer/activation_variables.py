"""The lines of the activation scripts for what a layer keeps of the environment it was made in.

Lists get the layer's directories before what is there, and ``deactivate`` takes these out again and
leaves what was added meanwhile. Other variables get back the value they had.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lamina.layer.planting import csh_quoted, fish_quoted, shell_quoted
from lamina.layer.variables import LISTS, PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POSIX_ENTER_LIST = """\
if [ "${@name@+x}" = x ]; then _LAMINA_HAD_@name@=x; fi
@name@=@value@"${@name@:+:$@name@}"
export @name@
"""
_POSIX_LEAVE_LIST = """\
        _lamina_path=":${@name@:-}:"
        _lamina_ours=:@value@:
        case "$_lamina_path" in
            *"$_lamina_ours"*)
                @name@=${_lamina_path%%"$_lamina_ours"*}:${_lamina_path#*"$_lamina_ours"}
                @name@=${@name@#:}
                @name@=${@name@%:}
                export @name@
                ;;
        esac
        if [ -z "${@name@:-}" ] && [ -z "${_LAMINA_HAD_@name@:-}" ]; then unset @name@; fi
        unset _LAMINA_HAD_@name@ _lamina_ours
"""
_POSIX_ENTER = """\
if [ "${@name@+x}" = x ]; then _LAMINA_OLD_@name@=$@name@; fi
@name@=@value@
export @name@
"""
_POSIX_LEAVE = """\
        if [ "${@name@:-}" = @value@ ]; then
            unset @name@
            if [ "${_LAMINA_OLD_@name@+x}" = x ]; then
                @name@=$_LAMINA_OLD_@name@
                export @name@
            fi
        fi
        unset _LAMINA_OLD_@name@
"""
_CSH_ENTER_LIST = """\
    if ( $?@name@ ) then
        set _lamina_old_@name@ = "$@name@"
        if ( "$@name@" == "" ) then
            setenv @name@ @value@
        else
            setenv @name@ @value@":$@name@"
        endif
    else
        setenv @name@ @value@
    endif
"""
# A condition has lines of its own: csh substitutes variables in all of a line before it decides.
# What was set meanwhile is edited by a program: csh splits at nothing but spaces. The program comes
# through the environment: between backticks csh expands names of directories, quoted or not.
_CSH_LEAVE_LIST = """\
    if ( $?@name@ ) then
        set _lamina_one = @value@
        if ( $?_lamina_old_@name@ ) then
            if ( "$_lamina_old_@name@" != "" ) then
                set _lamina_one = @value@":$_lamina_old_@name@"
            endif
        endif
        if ( "$@name@" == "$_lamina_one" ) then
            unsetenv @name@
            if ( $?_lamina_old_@name@ ) then
                setenv @name@ "$_lamina_old_@name@"
            endif
        else
            setenv _LAMINA_EDIT @edit@
            setenv @name@ "`printenv _LAMINA_EDIT | sh`"
            unsetenv _LAMINA_EDIT
        endif
        unset _lamina_one
    endif
    unset _lamina_old_@name@
"""
_CSH_ENTER = """\
    if ( $?@name@ ) then
        set _lamina_old_@name@ = "$@name@"
    endif
    setenv @name@ @value@
"""
_CSH_LEAVE = """\
    if ( $?@name@ ) then
        if ( "$@name@" == @value@ ) then
            unsetenv @name@
            if ( $?_lamina_old_@name@ ) then
                setenv @name@ "$_lamina_old_@name@"
            endif
        endif
    endif
    unset _lamina_old_@name@
"""
_FISH_ENTER_LIST = """\
if set -q @name@
    set -g _lamina_old_@name@ $@name@
end
set -gx --path @name@ @values@ $@name@
"""
_FISH_LEAVE_LIST = """\
        for name in @values@
            if set -l at (contains -i -- $name $@name@)
                set -e @name@[$at]
            end
        end
        if not set -q _lamina_old_@name@; and test -z "$@name@"
            set -e @name@
        end
        set -e _lamina_old_@name@
"""
_FISH_ENTER = """\
if set -q @name@
    set -g _lamina_old_@name@ $@name@
end
set -gx @name@ @value@
"""
_FISH_LEAVE = """\
        if test "$@name@" = @value@
            set -e @name@
            if set -q _lamina_old_@name@
                set -gx @name@ $_lamina_old_@name@
            end
        end
        set -e _lamina_old_@name@
"""


def with_kept(text: str, shell: str, variables: Mapping[str, str]) -> str:
    """Return an activation script with the lines for what a layer keeps in place of its marks.

    ``shell`` is posix, csh or fish.
    """
    quoted, enter_list, leave_list, enter, leave = _SHELLS[shell]
    programs = variables.get(PROGRAMS, "")
    others = {name: value for name, value in variables.items() if name != PROGRAMS}
    entering = [_line(enter_list, enter, *item, quoted) for item in sorted(others.items())]
    leaving = [_line(leave_list, leave, *item, quoted) for item in sorted(others.items())]
    each = " ".join(map(quoted, programs.split(":"))) if programs else ""
    text = text.replace("@enter@\n", "".join(entering)).replace("@leave@\n", "".join(leaving))
    text = text.replace("@programs@", quoted(f":{programs}") if programs else "")
    return text.replace("@each_program@", f" {each}" if each else "")


def _line(listed: str, single: str, name: str, value: str, quoted: Callable[[str], str]) -> str:
    text = listed if name in LISTS else single
    pattern = re.sub(r"([][\\.*^$&|/])", r"\\\1", value)
    # The last rule takes off the colon that the first has put at the end, without the sign that
    # would be a variable's.
    rules = rf"s/.*/:&:/;s/:{pattern}:/:/;s/^://;s/\(.*\):/\1/"
    edit = f"printenv {name} | sed {shell_quoted(rules)}"
    text = text.replace("@name@", name).replace("@edit@", quoted(edit))
    text = text.replace("@values@", " ".join(map(quoted, value.split(":"))))
    return text.replace("@value@", quoted(value))


_SHELLS: Mapping[str, tuple[Callable[[str], str], str, str, str, str]] = {
    "posix": (shell_quoted, _POSIX_ENTER_LIST, _POSIX_LEAVE_LIST, _POSIX_ENTER, _POSIX_LEAVE),
    "csh": (csh_quoted, _CSH_ENTER_LIST, _CSH_LEAVE_LIST, _CSH_ENTER, _CSH_LEAVE),
    "fish": (fish_quoted, _FISH_ENTER_LIST, _FISH_LEAVE_LIST, _FISH_ENTER, _FISH_LEAVE),
}
