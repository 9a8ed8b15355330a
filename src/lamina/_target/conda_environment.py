"""What entering a conda prefix, or leaving it, changes of the environment; prints it for a shell.

``activate|deactivate PREFIX posix|csh|fish [SUFFIX]``: packages bring variables
(``etc/conda/env_vars.d/*.json``, then ``conda-meta/state``) and scripts
(``etc/conda/activate.d/*.sh``; those for leaving are run in reverse). The scripts are run in a
shell of their own, and what they changed of the environment is printed. With SUFFIX, those are left
out of which there is one with this suffix, which the calling shell reads by itself.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from typing import Dict, List, Mapping, Optional

Changes = Dict[str, Optional[str]]
"""Name -> value; None: unset."""

_OLD = "_LAMINA_CONDA_OLD_"
_OWN = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIRECTORIES = {"activate": "activate.d", "deactivate": "deactivate.d"}


def scripts_of(prefix: str, verb: str, suffix: str) -> List[str]:
    """Return the scripts of a prefix with a suffix, in the order in which they run."""
    directory = os.path.join(prefix, "etc", "conda", _DIRECTORIES[verb])
    try:
        names = [one for one in os.listdir(directory) if one.endswith(suffix)]
    except OSError:
        return []
    ordered = sorted(names, reverse=verb == "deactivate")
    return [os.path.join(directory, one) for one in ordered]


def variables_of(prefix: str) -> Dict[str, str]:
    """Return the variables that packages, and whoever made the prefix, want to have set."""
    directory = os.path.join(prefix, "etc", "conda", "env_vars.d")
    files = [os.path.join(directory, one) for one in sorted(_listed(directory))]
    found = {}  # type: Dict[str, str]
    for file in files:
        if file.endswith(".json"):
            found.update(_texts(_read(file)))
    state = _read(os.path.join(prefix, "conda-meta", "state"))
    found.update(_texts(state.get("env_vars")))
    return found


def _listed(directory: str) -> List[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _read(file: str) -> Dict[str, object]:
    try:
        with open(file, encoding="utf-8") as stream:
            read = json.load(stream)
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _texts(table: object) -> Dict[str, str]:
    pairs = table.items() if isinstance(table, dict) else ()
    return {str(name): str(value) for name, value in pairs if _NAME.fullmatch(str(name))}


def changes(verb: str, prefix: str, environ: Mapping[str, str], suffix: str = "") -> Changes:
    """Return what entering or leaving a prefix changes; raises OSError."""
    before = dict(environ)
    now = dict(environ, CONDA_PREFIX=prefix)
    if verb == "activate":
        for name, value in variables_of(prefix).items():
            if name in now:
                now[_OLD + name] = now[name]
            now[name] = value
    there = {one[: -len(suffix)] for one in scripts_of(prefix, verb, suffix)} if suffix else set()
    scripts = [one for one in scripts_of(prefix, verb, ".sh") if one[:-3] not in there]
    if scripts:
        now = _after(scripts, now)
    if verb == "deactivate":
        for name, value in variables_of(prefix).items():
            old = now.pop(_OLD + name, None)
            if now.get(name) == value:
                now.pop(name)
                now.update({} if old is None else {name: old})
    now.pop("CONDA_PREFIX", None)
    before.pop("CONDA_PREFIX", None)
    found = {name: value for name, value in now.items() if before.get(name) != value}  # type: Changes
    found.update((name, None) for name in before if name not in now)
    return {name: found[name] for name in sorted(found) if name not in _OWN}


def _after(scripts: List[str], environ: Mapping[str, str]) -> Dict[str, str]:
    """Return the environment after scripts; they are often written for bash."""
    path = environ.get("PATH", os.defpath)
    shell = shutil.which("bash", path=path + os.pathsep + "/bin") or "/bin/sh"
    # What a script prints is for people, and the shell that asked reads what is printed here.
    code = 'for _one in "$@"; do . "$_one"; done >&2; exec "$0" -I -S -c "%s"' % (
        "import os, sys; sys.stdout.buffer.write(bytes(1).join("
        "name + b'=' + value for name, value in os.environb.items()))"
    )
    words = [shell, "-c", code, sys.executable, *scripts]
    answer = subprocess.run(  # noqa: S603 - scripts of the release itself
        words, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    if answer.returncode:
        raise OSError("%s ended with status %d" % (shell, answer.returncode))
    pairs = (os.fsdecode(one).partition("=") for one in answer.stdout.split(b"\0") if one)
    return {name: value for name, _, value in pairs if _NAME.fullmatch(name)}


def rendered(found: Changes, shell: str) -> str:
    """Return the lines by which a shell makes changes."""
    lines = []
    for name, value in found.items():
        if value is None:
            lines.append({"csh": "unsetenv ", "fish": "set -e "}.get(shell, "unset ") + name)
        elif shell == "csh":
            lines.append("setenv %s %s" % (name, csh_quoted(value)))
        elif shell == "fish":
            lines.append("set -gx %s %s" % (name, fish_quoted(value)))
        else:
            lines.append("export %s=%s" % (name, shell_quoted(value)))
    return "".join(line + "\n" for line in lines)


def shell_quoted(value: str) -> str:
    """Return a word of the POSIX shells."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


def csh_quoted(value: str) -> str:
    """Return a word of csh, where ``!`` is special even between quotes."""
    escaped = value.replace("'", "'\\''").replace("!", "\\!").replace("\n", "\\\n")
    return "'" + escaped + "'"


def fish_quoted(value: str) -> str:
    """Return a word of fish."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main(verb: str, prefix: str, shell: str, suffix: str = "") -> None:
    try:
        found = changes(verb, prefix, os.environ, suffix)
    except OSError as error:
        sys.exit("lamina: scripts of %s failed: %s" % (prefix, error))
    sys.stdout.buffer.write(os.fsencode(rendered(found, shell)))


if __name__ == "__main__":
    main(*sys.argv[1:])
