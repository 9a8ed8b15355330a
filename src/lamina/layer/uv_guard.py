"""The ``uv`` of a layer: every command of uv, but for those that go wrong for want of the base.

uv looks into the directories of an environment and not at its search path, so for ``uv pip
install`` a layer is empty but for its own packages: two requests become fifteen packages, which
hide those of the base; ``uv pip check`` calls all of the base missing, and ``uv sync --active``
takes out what its project does not ask for. ``uv venv
--system-site-packages`` would see the packages of the interpreter alone. Told so, and what to do
instead, a user decides.
"""

from __future__ import annotations

from lamina.layer.planting import mark, shell_quoted

GUARD = "uv"
"""Its name in the layer's bin directory."""

_PROGRAM = """\
#!/bin/sh
# uv, but for what would go wrong because it does not see the base of this layer.
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
first=
second=
value=
aware=
active=
for word in "$@"; do
    if [ -n "$value" ]; then
        value=
        continue
    fi
    case $word in
        --color | --directory | --project | --config-file | --cache-dir | --cert) value=1 ;;
        --allow-insecure-host) value=1 ;;
        --no-deps | --python | --python=* | -p | -p?* | --target | --target=* | -t) aware=1 ;;
        --prefix | --prefix=* | --system | --help | -h) aware=1 ;;
        --active) active=1 ;;
        --) break ;;
        -*) ;;
        *)
            if [ -z "$first" ]; then
                first=$word
            elif [ -z "$second" ]; then
                second=$word
                # What follows belongs to the program that is run.
                [ "$first" = run ] && break
            fi
            ;;
    esac
done
case $first-$second-$aware in
    pip-install- | pip-sync-)
        echo "error: uv does not see the base of this layer: it would install what is there" >&2
        echo "hint: lamina layer add REQUIREMENT... resolves with the base" >&2
        echo "hint: uv pip $second --no-deps ... leaves all else alone" >&2
        exit 2
        ;;
    pip-check-)
        echo "error: uv does not see the base of this layer: all of it would be missing" >&2
        echo "hint: lamina layer check" >&2
        exit 2
        ;;
esac
if [ "$VIRTUAL_ENV/bin" = "$here" ] && [ -n "$active" ]; then
    echo "error: uv does not see the base of this layer, and would remove what it did not ask" \
        "for" >&2
    echo "hint: without --active, the project has an environment of its own" >&2
    exit 2
fi
if [ "$first" = venv ]; then
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
