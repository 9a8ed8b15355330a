"""The ``uv`` of a layer: every command of uv, but for those that do not see what they should.

uv looks into the directories of an environment and not at its search path, so for ``uv pip
install`` a layer is empty but for its own packages: two requests become fifteen packages, which
hide those of the base. Told so, and what to do instead, a user decides. ``uv venv
--system-site-packages`` would see the packages of the interpreter alone.
"""

from __future__ import annotations

from lamina.layer.planting import mark, shell_quoted

GUARD = "uv"
"""Its name in the layer's bin directory."""

_PROGRAM = """\
#!/bin/sh
# uv, but for installing in a way that does not see the base of this layer.
here={layer}/bin
uv={fallback}
IFS=:
for directory in $PATH; do
    if [ "$directory" != "$here" ] && [ -x "$directory/uv" ] && [ ! -d "$directory/uv" ]; then
        uv=$directory/uv
        break
    fi
done
unset IFS
if [ -z "$uv" ]; then
    echo "lamina: there is no uv on PATH" >&2
    exit 127
fi
if [ "$1" = pip ] && {{ [ "$2" = install ] || [ "$2" = sync ]; }}; then
    aware=
    for word in "$@"; do
        case $word in
            --no-deps | --python | --python=* | -p | -p?* | --target | --target=* | -t) aware=1 ;;
            --prefix | --prefix=* | --system | --help | -h) aware=1 ;;
        esac
    done
    if [ -z "$aware" ]; then
        echo "error: uv does not see the base of this layer: it would install what is there" >&2
        echo "hint: lamina layer add REQUIREMENT... resolves with the base" >&2
        echo "hint: uv pip $2 --no-deps ... leaves all else alone" >&2
        exit 2
    fi
fi
if [ "$1" = venv ]; then
    case " $* " in
        *" --system-site-packages "*)
            echo "error: uv does not see this layer: the environment would be one on its base" >&2
            printf 'hint: lamina layer create NEW --on %s\\n' {told} >&2
            echo "hint: python -m venv --system-site-packages NEW" >&2
            exit 2
            ;;
    esac
fi
exec "$uv" "$@"
"""


def guard_text(fallback: str | None) -> str:
    """Return the program; ``fallback`` is the uv of the base, for when PATH has none."""
    return _PROGRAM.format(
        layer=mark("sh"), told=mark("told"), fallback=shell_quoted(fallback or "")
    )
