"""The commands that mend: quoted for the user's shell, fit for the kind of environment."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import DocumentError
from lamina.layer.doctor.places import environment_of, inside
from lamina.layer.document import LayerDocument, load_layer
from lamina.layer.planting import csh_quoted, fish_quoted, shebang
from lamina.release.root import INTERNAL, MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.layer.doctor.installed import Copy
    from lamina.layer.doctor.patient import Patient


def quoted(*words: object) -> str:
    """Return words of a command, quoted where a shell would change them."""
    return " ".join(shlex.quote(str(word)) for word in words)


def with_pythonpath(patient: Patient, kept: Iterable[str]) -> str:
    """Return the command that leaves only some entries in PYTHONPATH."""
    return set_variable("PYTHONPATH", os.pathsep.join(kept), patient.environ)


def set_variable(name: str, value: str, environ: Mapping[str, str]) -> str:
    """Return the command of the user's shell that sets a variable, or unsets it when empty."""
    match Path(environ.get("SHELL", "")).name:
        case "csh" | "tcsh":
            return f"setenv {name} {csh_quoted(value)}" if value else f"unsetenv {name}"
        case "fish":
            return f"set -gx {name} {fish_quoted(value)}" if value else f"set -e {name}"
        case _:
            return f"export {name}={shlex.quote(value)}" if value else f"unset {name}"


def install(patient: Patient, *requirements: str, again: bool = False) -> str:
    """Return the command that puts packages into an environment; ``again``: over what is there."""
    if patient.is_layer:
        return quoted("lamina", "layer", "add", patient.prefix, *requirements)
    if patient.is_release:
        new = Path(f"{patient.prefix.parent.parent.name}-layer")
        made = quoted("lamina", "layer", "create", f"./{new}", "--on", patient.prefix)
        return f"{made} && {quoted('lamina', 'layer', 'add', f'./{new}', *requirements)}"
    force = ["--force-reinstall", "--no-deps"] if again else []
    return quoted(patient.python, "-m", "pip", "install", *force, *requirements)


def move_away(*paths: str | Path) -> str:
    """Return the command that puts files aside, from where they can be taken back."""
    return " && ".join(quoted("mv", path, f"{path}.aside") for path in paths)


def remake(layer: Path, *, on: Path | None = None) -> str:
    """Return the command that puts a layer aside and makes it again with the same requests."""
    document = record_of(layer)
    given = document.base.given if document else "BASE"
    if document and document.base.kind == "env":
        given = "env"
    given = str(on) if on else given
    commands = [quoted("mv", layer, f"{layer}.aside")]
    commands.append(quoted("lamina", "layer", "create", layer, "--on", given))
    if document and document.requests:
        commands.append(quoted("lamina", "layer", "add", layer, *document.requests))
    return " && ".join(commands)


def record_of(layer: Path) -> LayerDocument | None:
    """Return what was asked of a layer, None where its record cannot be read."""
    try:
        return load_layer(layer)
    except DocumentError:
        return None


def reinstall(patient: Patient, copy: Copy) -> str:
    """Return the command that puts the files of a distribution back where it is."""
    own = environment_of(copy.location)
    if own is not None and (own / INTERNAL / MANIFEST_NAME).is_file():
        if patient.is_layer and inside(str(own), patient.prefix):  # It has come with the layer.
            return quoted("lamina", "layer", "check", patient.prefix)
        return quoted("lamina", "release", "verify", own)
    python = own / "bin" / "python" if own else None
    where = [] if python and python.exists() else ["--target", copy.location]
    words = ["-m", "pip", "install", "--force-reinstall", "--no-deps", *where]
    return quoted(
        python if python and not where else patient.python, *words, f"{copy.name}=={copy.version}"
    )


def with_interpreter(python: Path, scripts: Iterable[Path]) -> str:
    """Return the command that writes an interpreter into the first line of scripts."""
    prefix = str(python.parent.parent)
    line = shebang(prefix).replace(f"{prefix}/bin/python", str(python))
    escaped = line.replace("\\", "\\\\").replace("|", "\\|").replace("&", "\\&")
    # The form for long paths has three lines.
    program = r"1{/^#!\/bin\/sh$/{N;N};s|.*|" + escaped.replace("\n", "\\n") + "|}"
    return quoted("sed", "-i", program, *scripts)


def activate(patient: Patient) -> str:
    """Return the command of the user's shell that puts an environment first on PATH."""
    shell = Path(patient.environ.get("SHELL", "")).name
    file = {"csh": "activate.csh", "tcsh": "activate.csh", "fish": "activate.fish"}.get(shell)
    script = patient.prefix / "bin" / (file or "activate")
    if script.is_file():
        return f"{'source' if file else '.'} {quoted(script)}"
    if patient.is_conda:
        return quoted("conda", "activate", patient.prefix)
    path = os.pathsep.join([f"{patient.prefix}/bin", patient.environ.get("PATH", "")])
    return set_variable("PATH", path, patient.environ)


def forget(name: str) -> str:
    """Return the command that takes a package out of uv's cache."""
    import uv

    return quoted(uv.find_uv_bin(), "cache", "clean", name)
