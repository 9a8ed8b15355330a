"""What entering conda prefixes, or leaving them, changes of the environment; prints it for a shell.

``activate|deactivate posix|csh|fish [SUFFIX]``, for the prefixes that are listed beside this file;
without a list, for the one that it is in. Packages bring variables
(``etc/conda/env_vars.d/*.json``, then ``conda-meta/state``) and scripts
(``etc/conda/activate.d/*.sh``; those for leaving are run in reverse). The scripts are run in a
shell of their own, each with its own prefix as CONDA_PREFIX, and what they changed of the
environment is printed. Those with SUFFIX, and what has the same name, are read by the calling shell
itself.
"""

import json
import os
import re
import sys
from typing import Callable, Dict, List, Mapping, Tuple

LIST = "conda-prefixes"
"""Prefixes, one a line, in the order in which they are entered. The first stays in force as
CONDA_PREFIX; an empty line is in its place where none does."""

_PREFIX = "CONDA_PREFIX"
_UNSET = "***unset***"
"""What conda writes in place of a value that was taken away again."""
_OWN = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIRECTORIES = {"activate": "activate.d", "deactivate": "deactivate.d"}


def prefixes_of(internal: str) -> List[str]:
    """Return what is listed in an internal directory, or else the prefix that it is in."""
    try:
        with open(
            os.path.join(internal, LIST), encoding="utf-8", errors="surrogateescape"
        ) as stream:
            return stream.read().split("\n")[:-1]
    except OSError:
        return [os.path.dirname(internal)]


def _scripts_of(prefix: str, verb: str, suffix: str) -> List[str]:
    """Return the scripts of a prefix with a suffix, in the order in which they run."""
    directory = os.path.join(prefix, "etc", "conda", _DIRECTORIES[verb])
    names = [one for one in _listed(directory) if one.endswith(suffix)]
    ordered = sorted(names, reverse=verb == "deactivate")
    return [os.path.join(directory, one) for one in ordered]


def _variables_of(prefix: str) -> Dict[str, str]:
    """Return the variables that packages, and whoever made the prefix, want to have set."""
    directory = os.path.join(prefix, "etc", "conda", "env_vars.d")
    files = [os.path.join(directory, one) for one in sorted(_listed(directory))]
    found = {}  # type: Dict[str, str]
    for file in files:
        if file.endswith(".json"):
            found.update(_texts(_read(file)))
    state = _read(os.path.join(prefix, "conda-meta", "state"))
    found.update(_texts(state.get("env_vars")))
    return {name: value for name, value in found.items() if value != _UNSET}


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


def _kept(prefix: str, name: str) -> str:
    """Return the variable that has what another was before a prefix was entered."""
    import zlib

    return "_LAMINA_CONDA_%08x_%s" % (zlib.crc32(os.fsencode(prefix)), name)


def _complain(text: str) -> None:
    sys.stderr.write("lamina: %s\n" % text)


def environment_after(
    verb: str,
    prefixes: List[str],
    environ: Mapping[str, str],
    suffix: str = "",
    warn: Callable[[str], None] = _complain,
) -> Tuple[Dict[str, str], List[Tuple[str, str]]]:
    """Return the environment after entering or leaving, and what the calling shell has to read.

    That is prefixes, each with a script. Where scripts fail, that is warned of, and none counts.
    """
    now, bottom = dict(environ), prefixes[0]
    kept, entering = _kept(bottom, _PREFIX), verb == "activate"
    there = [one for one in prefixes if one]
    # Whoever has entered the first one leaves it.
    if bottom and (now.get(_PREFIX) == bottom if entering else kept not in now):
        there.remove(bottom)
    if entering:
        if bottom in there:
            now[kept] = now.get(_PREFIX, "")
            now[_PREFIX] = bottom
        for prefix in there:
            _set_variables(prefix, now)
    else:
        there.reverse()
    own = [(one, file) for one in there for file in _scripts_of(one, verb, suffix) if suffix]
    twins = {file[: -len(suffix)] for _, file in own}
    pairs = [(one, file) for one in there for file in _scripts_of(one, verb, ".sh")]
    now = _after([(one, file) for one, file in pairs if file[:-3] not in twins], now, warn)
    if not entering:
        for prefix in there:
            _restore_variables(prefix, now)
        if bottom in there:
            old = now.pop(kept)
            if now.get(_PREFIX) == bottom:
                _put(now, _PREFIX, old or None)
    return now, own


def _put(environ: Dict[str, str], name: str, value: "str | None") -> None:
    environ.pop(name, None)
    if value is not None:
        environ[name] = value


def _set_variables(prefix: str, environ: Dict[str, str]) -> None:
    for name, value in _variables_of(prefix).items():
        if name in environ:
            environ[_kept(prefix, name)] = environ[name]
        environ[name] = value


def _restore_variables(prefix: str, environ: Dict[str, str]) -> None:
    for name, value in _variables_of(prefix).items():
        old = environ.pop(_kept(prefix, name), None)
        if environ.get(name) == value:
            _put(environ, name, old)


def without_kept(environ: Mapping[str, str]) -> Dict[str, str]:
    """Return an environment that nobody leaves again."""
    return {one: value for one, value in environ.items() if not one.startswith("_LAMINA_CONDA_")}


def _after(
    pairs: List[Tuple[str, str]], environ: Dict[str, str], warn: Callable[[str], None]
) -> Dict[str, str]:
    """Return the environment after scripts; they are often written for bash."""
    if not pairs:
        return environ
    import shutil
    import subprocess

    path = environ.get("PATH", os.defpath)
    shell = shutil.which("bash", path=path + os.pathsep + "/bin") or "/bin/sh"
    # What a script prints is for people, and the shell that asked reads what is printed here.
    lines = [
        "export CONDA_PREFIX=%s\n. %s >&2" % (shell_quoted(prefix), shell_quoted(file))
        for prefix, file in pairs
    ]
    # No Python: it may set a locale for itself (PEP 538).
    words = [shell, "-c", "\n".join([*lines, "exec /usr/bin/env -0"])]
    answer = subprocess.run(  # noqa: S603 - scripts of what is entered itself
        words, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    # A script may end the shell, be it without an error.
    if answer.returncode or not answer.stdout:
        of = ", ".join(sorted({prefix for prefix, _ in pairs}))
        warn("scripts of %s: %s ended with status %d" % (of, shell, answer.returncode))
        return environ
    split = (os.fsdecode(one).partition("=") for one in answer.stdout.split(b"\0") if one)
    found = {name: value for name, _, value in split}
    same = {one for one in (*environ, *found) if one in _OWN or not _NAME.fullmatch(one)}
    for name in (*same, _PREFIX):
        _put(found, name, environ.get(name))
    return found


def _changed(shell: str, before: Mapping[str, str], after: Mapping[str, str]) -> List[str]:
    """Return the lines by which a shell gets from an environment to another."""
    lines = [_unset(shell, name) for name in sorted(before) if name not in after]
    changed = sorted(set(after.items()) - set(before.items()))
    return lines + [_set(shell, name, value) for name, value in changed]


def _read_by(shell: str, own: List[Tuple[str, str]], after: Mapping[str, str]) -> List[str]:
    """Return the lines by which a shell reads scripts, each with its own prefix."""
    lines = []
    for prefix, file in own:
        lines.append(_set(shell, _PREFIX, prefix))
        lines.append(("." if shell == "posix" else "source") + " " + _QUOTED[shell](file))
    if own and _PREFIX in after:
        lines.append(_set(shell, _PREFIX, after[_PREFIX]))
    elif own:
        lines.append(_unset(shell, _PREFIX))
    return lines


def _set(shell: str, name: str, value: str) -> str:
    way = {"csh": "setenv %s %s", "fish": "set -gx %s %s"}.get(shell, "export %s=%s")
    return way % (name, _QUOTED[shell](value))


def _unset(shell: str, name: str) -> str:
    return {"csh": "unsetenv ", "fish": "set -e "}.get(shell, "unset ") + name


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


_QUOTED = {"posix": shell_quoted, "csh": csh_quoted, "fish": fish_quoted}


def main(verb: str, shell: str, suffix: str = "") -> None:
    before = dict(os.environ)
    prefixes = prefixes_of(os.path.dirname(os.path.abspath(__file__)))
    after, own = environment_after(verb, prefixes, before, suffix)
    lines, read = _changed(shell, before, after), _read_by(shell, own, after)
    # Scripts have the variables of their packages, also those for leaving.
    lines = lines + read if verb == "activate" else read + lines
    sys.stdout.buffer.write(os.fsencode("".join(line + "\n" for line in lines)))


if __name__ == "__main__":
    main(*sys.argv[1:])
