"""The scripts by which shells enter a release of conda packages, and leave it.

``@conda_enter@`` and ``@conda_leave@`` stand for what packages bring, ``@prefix@`` for the release,
``@prompt_enter@`` and ``@prompt_leave@`` for the lines of ``prompt_lines.py``.
"""

from __future__ import annotations

_HELPER = "@at@/.lamina/conda_environment.py"
_LINES = {
    "posix": f"""\
if [ -e {_HELPER} ]; then
    eval "$(@at@/bin/python -I -S -B {_HELPER} @verb@ posix \\
        "${{BASH_VERSION:+.sh}}${{ZSH_VERSION:+.sh}}")"
fi
""",
    # Through a file: what is between backticks would be expanded.
    "csh": f"""\
if ( -e {_HELPER} ) then
    set _lamina_file = "`mktemp`"
    @at@/bin/python -I -S -B {_HELPER} @verb@ csh .csh >! ${{_lamina_file:q}}
    source ${{_lamina_file:q}}
    rm -f ${{_lamina_file:q}}
    unset _lamina_file
endif
""",
    "fish": f"""\
if test -e {_HELPER}
    @at@/bin/python -I -S -B {_HELPER} @verb@ fish .fish | source
end
""",
}


def with_lines(text: str, shell: str, at: str) -> str:
    """Return a script with the lines that enter conda prefixes, and those that leave them.

    ``shell`` is posix, csh or fish. ``at`` is a word of it: the release or layer with the helper.
    """
    lines = _LINES[shell].replace("@at@", at)
    text = text.replace("@conda_enter@\n", lines.replace("@verb@", "activate"))
    return text.replace("@conda_leave@\n", lines.replace("@verb@", "deactivate"))


POSIX = """\
# Use it with ". @prefix@/bin/activate" in bash, zsh, dash or another POSIX shell.

case "$(command -v deactivate 2>/dev/null || :)" in
    deactivate) deactivate nondestructive || : ;;
esac

deactivate () {
    _lamina_path=":${PATH:-}:"
    case "$_lamina_path" in
        *:@prefix@/bin:*)
            PATH=${_lamina_path%%":"@prefix@"/bin:"*}:${_lamina_path#*":"@prefix@"/bin:"}
            PATH=${PATH#:}
            PATH=${PATH%:}
            export PATH
            ;;
    esac
    unset _lamina_path
@conda_leave@
    if [ "${_LAMINA_HOME+x}" = x ]; then
        PYTHONHOME=$_LAMINA_HOME
        export PYTHONHOME
    fi
@prompt_leave@
    unset _LAMINA_HOME
    hash -r 2>/dev/null || :
    unset -f deactivate
}

unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
if [ "${PYTHONHOME+x}" = x ]; then
    _LAMINA_HOME=$PYTHONHOME
    unset PYTHONHOME
fi
PATH=@prefix@/bin"${PATH:+:$PATH}"
export PATH
@conda_enter@
@prompt_enter@
hash -r 2>/dev/null || :
"""
CSH = """\
# Use it with "source .../bin/activate.csh" in tcsh or csh.

if ( $?_lamina_release && ! $?_lamina_leave ) then
    set _lamina_leave
    source ${_lamina_release:q}/bin/activate.csh
endif
# Not below: csh loses count of the quotes in a block that it skips.
set _lamina_here = @prefix@
if ( $?_lamina_leave ) then
@conda_leave@
    set _lamina_rest = ()
    foreach _lamina_one ( $path:q )
        if ( ${_lamina_one:q} != ${_lamina_here:q}"/bin" ) then
            set _lamina_rest = ( $_lamina_rest:q ${_lamina_one:q} )
        endif
    end
    set path = ( $_lamina_rest:q )
    unset _lamina_rest _lamina_one _lamina_release _lamina_leave
    if ( $?_lamina_release_home ) then
        setenv PYTHONHOME ${_lamina_release_home:q}
        unset _lamina_release_home
    endif
@prompt_leave@
    unalias deactivate
    rehash
else
    set _lamina_release = ${_lamina_here:q}
    if ( $?PYTHONHOME ) then
        set _lamina_release_home = "$PYTHONHOME"
        unsetenv PYTHONHOME
    endif
    unsetenv VIRTUAL_ENV
    unsetenv VIRTUAL_ENV_PROMPT
    setenv PATH ${_lamina_here:q}"/bin:$PATH"
@conda_enter@
@prompt_enter@
    alias deactivate 'set _lamina_leave; source ${_lamina_release:q}/bin/activate.csh'
    rehash
endif
unset _lamina_here
"""
FISH = """\
# Use it with "source .../bin/activate.fish" in fish.

if functions -q deactivate
    deactivate nondestructive
end

function deactivate -d "Leave the release"
    if set -l at (contains -i -- @prefix@/bin $PATH)
        set -e PATH[$at]
    end
@conda_leave@
    if set -q _lamina_home
        set -gx PYTHONHOME $_lamina_home
        set -e _lamina_home
    end
@prompt_leave@
    functions -e deactivate
end

set -e VIRTUAL_ENV
set -e VIRTUAL_ENV_PROMPT
if set -q PYTHONHOME
    set -g _lamina_home $PYTHONHOME
    set -e PYTHONHOME
end
set -gx PATH @prefix@/bin $PATH
@conda_enter@
@prompt_enter@
"""
