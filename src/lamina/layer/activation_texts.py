"""The texts of the activation scripts, one a kind of shell; ``activation.py`` fills them in."""

from __future__ import annotations

POSIX = """\
# Use it with ". @sh@/bin/activate" in bash, zsh, dash or another POSIX shell.

if [ ! -d @sh@/bin ]; then
    printf @gone@ @sh@ >&2
    return 1
fi
for _lamina_one in @needs@; do
    if [ ! -e "$_lamina_one" ]; then
        printf @no_base@ "$_lamina_one" @sh@ >&2
        unset _lamina_one
        return 1
    fi
done
unset _lamina_one

# Only a function: old versions of conda have a program of that name.
case "$(command -v deactivate 2>/dev/null || :)" in
    deactivate) deactivate nondestructive || : ;;
esac

_lamina_leave_path () {
    _lamina_path=":${PATH:-}:"
    _lamina_ours=":$_LAMINA_LAYER/bin"@programs@:
    case "$_lamina_path" in
        *"$_lamina_ours"*)
            PATH=${_lamina_path%%"$_lamina_ours"*}:${_lamina_path#*"$_lamina_ours"}
            PATH=${PATH#:}
            PATH=${PATH%:}
            export PATH
            ;;
    esac
    unset _lamina_path _lamina_ours
}

# Before each prompt: a set-up script of the base that was read after this one puts its own python
# first on PATH. Another Python that comes first is meant.
_lamina_guard () {
    _lamina_status=$?
    if [ "${VIRTUAL_ENV:-}" = "${_LAMINA_LAYER:-}" ]; then
        if [ "${PYTHONHOME+x}" = x ]; then
            _LAMINA_HOME=$PYTHONHOME
            unset PYTHONHOME
            printf @again@ "PYTHONHOME is put aside" >&2
        fi
        if [ "$PATH" != "${_LAMINA_SEEN:-}" ]; then
            _lamina_found=$(command -v python3 || command -v python || :)
            if [ "${_lamina_found%/*}" != "$_LAMINA_LAYER/bin" ] &&
                [ "$_lamina_found" -ef @python@ ]; then
                _lamina_leave_path
                PATH="$_LAMINA_LAYER/bin"@programs@"${PATH:+:$PATH}"
                export PATH
                hash -r 2>/dev/null || :
                printf @again@ "the layer is first on PATH again" >&2
            fi
            _LAMINA_SEEN=$PATH
        fi
    fi
    return $_lamina_status
}

deactivate () {
    if [ "${_LAMINA_LAYER+x}" = x ]; then
        _lamina_leave_path
@leave@
@conda_leave@
        if [ "${_LAMINA_HOME+x}" = x ]; then
            PYTHONHOME=$_LAMINA_HOME
            export PYTHONHOME
        fi
        if [ "${_LAMINA_ENV+x}" = x ]; then
            VIRTUAL_ENV=$_LAMINA_ENV
            export VIRTUAL_ENV
        else
            unset VIRTUAL_ENV
        fi
        if [ "${_LAMINA_ENV_PROMPT+x}" = x ]; then
            VIRTUAL_ENV_PROMPT=$_LAMINA_ENV_PROMPT
            export VIRTUAL_ENV_PROMPT
        else
            unset VIRTUAL_ENV_PROMPT
        fi
@prompt_leave@
        unset _LAMINA_LAYER _LAMINA_HOME _LAMINA_ENV _LAMINA_ENV_PROMPT
        unset _LAMINA_SEEN _lamina_status _lamina_found _lamina_path
        hash -r 2>/dev/null || :
    fi
    if [ ! "${1:-}" = nondestructive ]; then
        unset -f deactivate _lamina_leave_path _lamina_guard
    fi
}

_LAMINA_LAYER=@sh@
if [ "${VIRTUAL_ENV+x}" = x ]; then _LAMINA_ENV=$VIRTUAL_ENV; fi
if [ "${VIRTUAL_ENV_PROMPT+x}" = x ]; then _LAMINA_ENV_PROMPT=$VIRTUAL_ENV_PROMPT; fi
if [ "${PYTHONHOME+x}" = x ]; then
    _LAMINA_HOME=$PYTHONHOME
    unset PYTHONHOME
fi
VIRTUAL_ENV=$_LAMINA_LAYER
VIRTUAL_ENV_PROMPT='@prompt@'
PATH="$_LAMINA_LAYER/bin"@programs@"${PATH:+:$PATH}"
export VIRTUAL_ENV VIRTUAL_ENV_PROMPT PATH
@conda_enter@
@enter@
@prompt_enter@
case $- in
    *i*)
        # What stays in there after the layer was left does nothing.
        if [ -n "${ZSH_VERSION:-}" ]; then
            eval 'precmd_functions=(${precmd_functions:#_lamina_precmd} _lamina_precmd)'
            _lamina_precmd () { if [ "${_LAMINA_LAYER+x}" = x ]; then _lamina_guard; fi; }
        elif [ -n "${BASH_VERSION:-}" ]; then
            case "${PROMPT_COMMAND:-}" in
                *_lamina_guard*) ;;
                *)  PROMPT_COMMAND="${PROMPT_COMMAND:+$PROMPT_COMMAND
}"'${_LAMINA_LAYER+_lamina_guard}' ;;
            esac
        fi
        ;;
esac
hash -r 2>/dev/null || :
"""

CSH = """\
# Use it with "source .../bin/activate.csh" in tcsh or csh.

# Not below: csh loses count of the quotes in a block that it skips.
set _lamina_programs = ""@programs@
set _lamina_each = ( @each_program@ )
if ( $?_lamina_layer ) then
    if ( "$PATH" == ${_lamina_layer:q}"/bin"${_lamina_programs:q}":"${_lamina_path:q} ) then
        setenv PATH ${_lamina_path:q}
    else
        foreach _lamina_ours ( ${_lamina_layer:q}"/bin" $_lamina_each:q )
            set _lamina_rest = ()
            foreach _lamina_one ( $path:q )
                if ( ${_lamina_one:q} == ${_lamina_ours:q} && ! $?_lamina_found ) then
                    set _lamina_found
                else
                    set _lamina_rest = ( $_lamina_rest:q ${_lamina_one:q} )
                endif
            end
            set path = ( $_lamina_rest:q )
            unset _lamina_found
        end
        unset _lamina_rest _lamina_one _lamina_ours
    endif
    unset _lamina_path
@leave@
@conda_leave@
    if ( $?_lamina_home ) then
        setenv PYTHONHOME ${_lamina_home:q}
        unset _lamina_home
    endif
    unsetenv VIRTUAL_ENV
    if ( $?_lamina_env ) then
        setenv VIRTUAL_ENV ${_lamina_env:q}
        unset _lamina_env
    endif
    unsetenv VIRTUAL_ENV_PROMPT
    if ( $?_lamina_env_prompt ) then
        setenv VIRTUAL_ENV_PROMPT ${_lamina_env_prompt:q}
        unset _lamina_env_prompt
    endif
@prompt_leave@
    unset _lamina_layer
    unalias deactivate
    rehash
endif

if ( ! $?_lamina_leave ) then
    foreach _lamina_one ( @needs@ )
        if ( ! -e ${_lamina_one:q} ) then
            set _lamina_lost = ${_lamina_one:q}
        endif
    end
    unset _lamina_one
endif
if ( $?_lamina_leave ) then
    unset _lamina_leave
else if ( ! -d @csh@/bin ) then
    sh -c 'printf "$0" "$1" >&2; exit 1' @gone@ @csh@
else if ( $?_lamina_lost ) then
    sh -c 'printf "$0" "$1" "$2" >&2; exit 1' @no_base@ ${_lamina_lost:q} @csh@
    unset _lamina_lost
else
    set _lamina_layer = @csh@
    set _lamina_path = "$PATH"
    if ( $?PYTHONHOME ) then
        set _lamina_home = "$PYTHONHOME"
        unsetenv PYTHONHOME
    endif
    if ( $?VIRTUAL_ENV ) then
        set _lamina_env = "$VIRTUAL_ENV"
    endif
    if ( $?VIRTUAL_ENV_PROMPT ) then
        set _lamina_env_prompt = "$VIRTUAL_ENV_PROMPT"
    endif
    setenv VIRTUAL_ENV ${_lamina_layer:q}
    setenv VIRTUAL_ENV_PROMPT '@prompt@'
    setenv PATH ${_lamina_layer:q}"/bin"${_lamina_programs:q}":$PATH"
@conda_enter@
@enter@
@prompt_enter@
    alias deactivate 'set _lamina_leave; source ${_lamina_layer:q}/bin/activate.csh'
    rehash
endif
unset _lamina_programs _lamina_each
"""

FISH = """\
# Use it with "source .../bin/activate.fish" in fish.

if not test -d @fish@/bin
    printf @gone@ @fish@ >&2
    return 1
end
for name in @needs@
    if not test -e $name
        printf @no_base@ $name @fish@ >&2
        return 1
    end
end

if functions -q deactivate; and set -q VIRTUAL_ENV
    deactivate nondestructive
end

function deactivate -d "Leave the layer"
    if set -q _lamina_layer
        for name in "$_lamina_layer/bin"@each_program@
            if set -l at (contains -i -- $name $PATH)
                set -e PATH[$at]
            end
        end
@leave@
@conda_leave@
        if set -q _lamina_home
            set -gx PYTHONHOME $_lamina_home
        end
        set -e VIRTUAL_ENV
        set -e VIRTUAL_ENV_PROMPT
        if set -q _lamina_env
            set -gx VIRTUAL_ENV $_lamina_env
        end
        if set -q _lamina_env_prompt
            set -gx VIRTUAL_ENV_PROMPT $_lamina_env_prompt
        end
@prompt_leave@
        for name in _lamina_layer _lamina_home _lamina_env _lamina_env_prompt _lamina_seen
            set -e $name
        end
        functions -e _lamina_guard
    end
    if test "$argv[1]" != nondestructive
        functions -e deactivate
    end
end

# A set-up script of the base that was read after this one puts its own python first on PATH.
# Another Python that comes first is meant.
function _lamina_guard --on-event fish_prompt
    if not set -q _lamina_layer; or test "$VIRTUAL_ENV" != "$_lamina_layer"
        return
    end
    if set -q PYTHONHOME
        set -g _lamina_home $PYTHONHOME
        set -e PYTHONHOME
        printf @again@ "PYTHONHOME is put aside" >&2
    end
    if test "$PATH" != "$_lamina_seen"
        set -l found (command -s python3; or command -s python)
        if test "$found" != "$_lamina_layer/bin/python3"
            and sh -c 'test "$0" -ef "$1"' "$found" @python@
            for name in "$_lamina_layer/bin"@each_program@
                if set -l at (contains -i -- $name $PATH)
                    set -e PATH[$at]
                end
            end
            set -gx PATH "$_lamina_layer/bin"@each_program@ $PATH
            printf @again@ "the layer is first on PATH again" >&2
        end
        set -g _lamina_seen "$PATH"
    end
end

set -g _lamina_layer @fish@
if set -q PYTHONHOME
    set -g _lamina_home $PYTHONHOME
    set -e PYTHONHOME
end
if set -q VIRTUAL_ENV
    set -g _lamina_env $VIRTUAL_ENV
end
if set -q VIRTUAL_ENV_PROMPT
    set -g _lamina_env_prompt $VIRTUAL_ENV_PROMPT
end
set -gx VIRTUAL_ENV $_lamina_layer
set -gx VIRTUAL_ENV_PROMPT '@prompt@'
set -gx PATH "$_lamina_layer/bin"@each_program@ $PATH
@conda_enter@
@enter@
@prompt_enter@
"""
