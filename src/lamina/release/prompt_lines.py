"""The lines by which activation scripts name in the prompt where one is, and take that back.

For the scripts of releases and of layers: ``@prompt_enter@`` and ``@prompt_leave@`` stand for them
there, and ``@prompt@`` in them for the name, which has nothing that a shell expands.
"""

from __future__ import annotations

_ENTER = {
    "posix": """\
if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT:-}" ] && [ "${PS1+x}" = x ]; then
    _LAMINA_PS1=$PS1
    PS1="(@prompt@) $PS1"
    _LAMINA_PS1_SET=$PS1
fi
""",
    "csh": """\
    if ( ! $?VIRTUAL_ENV_DISABLE_PROMPT && $?prompt ) then
        set @old@ = ${prompt:q}
        set prompt = '(@prompt@) '${prompt:q}
    endif
""",
    "fish": """\
if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and functions -q fish_prompt
    functions -c fish_prompt _lamina_prompt
    function fish_prompt
        set -l outcome $status
        printf '(%s) ' '@prompt@'
        # The user's own prompt may show the status of the last command.
        sh -c "exit $outcome"
        _lamina_prompt
    end
end
""",
}
_LEAVE = {
    "posix": """\
    if [ "${_LAMINA_PS1+x}" = x ] && [ "${PS1:-}" = "${_LAMINA_PS1_SET:-}" ]; then
        PS1=$_LAMINA_PS1
    fi
    unset _LAMINA_PS1 _LAMINA_PS1_SET
""",
    "csh": """\
    if ( $?@old@ ) then
        set prompt = ${@old@:q}
        unset @old@
    endif
""",
    "fish": """\
    if functions -q _lamina_prompt
        functions -e fish_prompt
        functions -c _lamina_prompt fish_prompt
        functions -e _lamina_prompt
    end
""",
}


def with_prompt(text: str, shell: str, *, old: str) -> str:
    """Return a script of a shell (posix, csh or fish) with the lines for its prompt.

    ``old`` is what csh keeps the former prompt in: one of a layer and one of the release below it
    can be in force at once.
    """
    text = text.replace("@prompt_enter@\n", _ENTER[shell].replace("@old@", old))
    return text.replace("@prompt_leave@\n", _LEAVE[shell].replace("@old@", old))
