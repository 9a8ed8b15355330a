"""Have scripts for sh change the environment of a shell that is none: csh and fish.

Called with the kind of the shell, then prefix and script in turns. For fish, the lines that make
the changes are written to standard output; for csh, which cannot read those, the name of a file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

_SHELLS_OWN = frozenset({"_", "PWD", "OLDPWD", "SHLVL", "_LAMINA_PYTHON"})


class ScriptError(Exception):
    """The shell that reads the scripts has failed."""


def environment_after(pairs: list[tuple[str, str]], environ: dict[str, str]) -> dict[str, str]:
    """Return an environment as scripts leave it; ``pairs`` are prefixes, each with a script.

    A script sees its own prefix as conda's, whatever else is active.
    """
    lines = ["had=${CONDA_PREFIX+x} was=${CONDA_PREFIX:-}"]
    for number in range(1, 2 * len(pairs), 2):
        prefix, script = "${%d}" % number, "${%d}" % (number + 1)
        lines.append('CONDA_PREFIX="%s"; export CONDA_PREFIX' % prefix)
        lines.append('if [ -r "%s/%s" ]; then . "%s/%s" >&2; fi' % (prefix, script, prefix, script))
    lines.append('if [ -n "$had" ]; then CONDA_PREFIX=$was; else unset CONDA_PREFIX; fi')
    dump = "import json, os; print(json.dumps(dict(os.environ)))"
    lines.append("\"$_LAMINA_PYTHON\" -I -S -c '%s'" % dump)
    words = ["/bin/sh", "-c", "\n".join(lines), "sh"] + [word for pair in pairs for word in pair]
    env = dict(environ, _LAMINA_PYTHON=sys.executable)
    try:
        answer = subprocess.check_output(words, env=env)  # noqa: S603 - the layer's own scripts
    except subprocess.CalledProcessError as error:
        raise ScriptError(str(error)) from error
    found = json.loads(answer.decode("utf-8"))
    kept = {name: environ[name] for name in _SHELLS_OWN if name in environ}
    return dict({n: v for n, v in found.items() if n not in _SHELLS_OWN}, **kept)


def _quoted(shell: str, text: str) -> str:
    if shell == "csh":
        return "'" + text.replace("'", "'\\''").replace("!", "\\!") + "'"
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def lines_for(shell: str, before: dict[str, str], after: dict[str, str]) -> str:
    """Return the lines of csh or fish that lead from an environment to another.

    What csh cannot have in a variable, lines, is left out.
    """
    setting, unsetting = ("setenv", "unsetenv") if shell == "csh" else ("set -gx", "set -e")
    lines = ["%s %s\n" % (unsetting, name) for name in sorted(set(before) - set(after))]
    for name, value in sorted(after.items()):
        if before.get(name) == value or not name.isidentifier():
            continue
        if shell == "csh" and "\n" in value:
            continue
        words = value.split(":") if shell == "fish" and name == "PATH" else [value]
        lines.append("%s %s %s\n" % (setting, name, " ".join(_quoted(shell, w) for w in words)))
    return "".join(lines)


def main(shell: str, words: list[str]) -> None:
    """Print the lines for a shell, or the file that has them."""
    pairs = list(zip(words[::2], words[1::2]))  # noqa: B905 - new in Python 3.10
    before = dict(os.environ)
    text = lines_for(shell, before, environment_after(pairs, before))
    if shell == "csh":
        descriptor, path = tempfile.mkstemp(prefix="lamina-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        print(path)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
