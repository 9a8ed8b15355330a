"""Entering a release of conda packages: PATH, CONDA_PREFIX, and what its packages bring for it.

Packages bring shell scripts and variables (``etc/conda``). bash and zsh read the scripts
themselves. Other shells read those that are for them; what scripts without such a twin change of
the environment is found out in a shell apart and carried over (``_target/conda_environment.py``),
as there is no csh among what packages bring.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina._target import conda_environment
from lamina.core import fs, report
from lamina.core.errors import BuildFailedError
from lamina.engines.conda_prefix import META, read_prefix
from lamina.release.conda_scripts import (
    CSH,
    CSH_ENTER,
    CSH_LEAVE,
    FISH,
    FISH_ENTER,
    FISH_LEAVE,
    POSIX,
    POSIX_ENTER,
    POSIX_LEAVE,
)
from lamina.release.root import INTERNAL, MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lamina.release.draft import Draft

HELPER = f"{INTERNAL}/conda_environment.py"
SCRIPTS = ("activate", "activate.csh", "activate.fish")

_QUOTED: Mapping[str, Callable[[str], str]] = {
    "activate": conda_environment.shell_quoted,
    "activate.csh": conda_environment.csh_quoted,
    "activate.fish": conda_environment.fish_quoted,
}
_LINES = {
    "activate": (POSIX_ENTER, POSIX_LEAVE),
    "activate.csh": (CSH_ENTER, CSH_LEAVE),
    "activate.fish": (FISH_ENTER, FISH_LEAVE),
}


def is_conda_release(prefix: Path) -> bool:
    """Tell whether a prefix is a release that has conda packages."""
    return (prefix / INTERNAL / MANIFEST_NAME).is_file() and (prefix / META).is_dir()


def conda_environment_of(prefix: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment as it is once a release of conda packages was entered, but for PATH.

    Scripts of packages are run for that. Where one fails, it is warned of and none counts.
    """
    found = dict(environ)
    try:
        changes = conda_environment.changes("activate", str(prefix), environ)
    except OSError as error:
        report.warn(f"{prefix}: scripts of its packages failed: {error}")
        changes = {}
    for name, value in changes.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found | {"CONDA_PREFIX": str(prefix)}


def activation_lines(prefix: Path, files: Path | None = None) -> dict[str, tuple[str, str]]:
    """Return script -> the lines that enter a release of conda packages, and those that leave it.

    PATH is left to the caller. ``files``: where the release is now, if not there yet.
    """
    return {
        script: (
            _lines(enter, script, "activate", str(prefix), str(files or prefix)),
            _lines(leave, script, "deactivate", str(prefix), str(files or prefix)),
        )
        for script, (enter, leave) in _LINES.items()
    }


def _lines(text: str, script: str, verb: str, prefix: str, files: str) -> str:
    quoted = _QUOTED[script]
    suffix = Path(script).suffix or ".sh"
    there = conda_environment.scripts_of(files, verb, suffix)
    twins = {one.removesuffix(suffix) for one in there}
    foreign = [
        one
        for one in conda_environment.scripts_of(files, verb, ".sh")
        if one.removesuffix(".sh") not in twins
    ]
    own = [quoted(prefix + one.removeprefix(files)) for one in there]
    names = (prefix + "/bin/python", "-I", "-S", "-B", f"{prefix}/{HELPER}", verb, prefix)
    asked = " ".join([*map(quoted, names[:1]), *names[1:4], *map(quoted, names[4:])])
    wanted = bool(conda_environment.variables_of(files)) or bool(foreign)
    word = "enter" if verb == "activate" else "leave"
    lines = _SHELLS[script](asked, own, wanted=wanted)
    return text.replace(f"@{word}@", lines).replace("@prefix@", quoted(prefix))


def _posix_lines(asked: str, own: list[str], *, wanted: bool) -> str:
    """Have bash and zsh read the scripts; others may not know what is in them."""
    if not (own or wanted):
        return ""
    lines = [f'    eval "$({asked} posix .sh)"'] if wanted else []
    lines += [f"    . {one}" for one in own]
    head = 'if [ -n "${BASH_VERSION:-}${ZSH_VERSION:-}" ]; then'
    return "\n".join([head, *lines, "else", f'    eval "$({asked} posix)"', "fi", ""])


def _csh_lines(asked: str, own: list[str], *, wanted: bool) -> str:
    """Let it go through a file: what is between backticks would be expanded."""
    lines = []
    if wanted:
        lines += [
            "set _lamina_file = `mktemp`",
            f"{asked} csh .csh >! ${{_lamina_file:q}}",
            "source ${_lamina_file:q}",
            "rm -f ${_lamina_file:q}",
            "unset _lamina_file",
        ]
    return "".join(f"{one}\n" for one in [*lines, *(f"source {one}" for one in own)])


def _fish_lines(asked: str, own: list[str], *, wanted: bool) -> str:
    lines = [f"{asked} fish .fish | source"] if wanted else []
    return "".join(f"{one}\n" for one in [*lines, *(f"source {one}" for one in own)])


_SHELLS: Mapping[str, Callable[..., str]] = {
    "activate": _posix_lines,
    "activate.csh": _csh_lines,
    "activate.fish": _fish_lines,
}


def write_activation(draft: Draft) -> None:
    """Write the scripts by which people enter a release of conda packages.

    Raises BuildFailedError for a package that brings a file of the same name.
    """
    stage = draft.stage
    prefix = draft.place.prefix if draft.place is not None else stage
    for package in read_prefix(stage):
        names = {file.path for file in package.files} & {f"bin/{one}" for one in SCRIPTS}
        if names:
            raise BuildFailedError(
                f"{package.record} brings {min(names)}, which belongs to the release itself",
                hints=[f"take {package.record.name} out of [conda]"],
            )
    fs.make_directory(stage / INTERNAL)
    helper = Path(conda_environment.__file__).read_text(encoding="utf-8")
    fs.write_text(stage / HELPER, helper, durable=False)
    whole = {"activate": POSIX, "activate.csh": CSH, "activate.fish": FISH}
    for script, (enter, leave) in activation_lines(prefix, stage).items():
        text = whole[script].replace("@enter@\n", enter).replace("@leave@\n", leave)
        text = text.replace("@prefix@", _QUOTED[script](str(prefix)))
        text = text.replace("@prompt@", draft.release.name)
        fs.write_text(stage / "bin" / script, text, durable=False)
