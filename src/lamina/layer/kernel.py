"""A Jupyter kernel that is a layer: its specification, for whichever Jupyter reads the directory.

Source: https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.core import fs
from lamina.core.errors import ConflictError, UsageError
from lamina.layer.conda_prefix import has_programs, with_programs
from lamina.layer.planting import shell_quoted
from lamina.layer.variables import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.layer.opened import OpenLayer

SPEC_NAME = "kernel.json"
_NEEDED = "ipykernel"
_ALLOWED = re.compile(r"[a-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel specification and its place."""

    name: str
    directory: Path
    spec: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The file that Jupyter reads."""
        return self.directory / SPEC_NAME


def kernel_name(layer: Path, given: str | None) -> str:
    """Return the name by which Jupyter knows it; raises UsageError for one that it would not."""
    if given is None:
        name = re.sub(r"[^a-z0-9._-]+", "-", layer.name.lower()).strip("-.")
        return name or "layer"
    if not _ALLOWED.fullmatch(given):
        raise UsageError(
            f"{given!r} cannot name a kernel: small letters, digits and ._- only",
            hints=[f"--name {kernel_name(Path(given), None)}"],
        )
    return given


def kernels_directory(prefix: Path | None, environ: Mapping[str, str]) -> Path:
    """Return where specifications go: into a prefix, or the user's data directory of Jupyter."""
    if prefix is not None:
        return prefix.absolute() / "share" / "jupyter" / "kernels"
    if environ.get("JUPYTER_DATA_DIR"):
        return Path(environ["JUPYTER_DATA_DIR"]).absolute() / "kernels"
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Jupyter" / "kernels"
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "jupyter" / "kernels"


def plan_kernel(layer: OpenLayer, *, name: str, title: str | None, directory: Path) -> Kernel:
    """Return the kernel of a layer.

    Raises UsageError when neither base nor layer has ipykernel, ConflictError when the name is
    another's.
    """
    there = {canonicalize_name(one.key) for one in (*layer.below.distributions, *layer.own)}
    if _NEEDED not in there:
        raise UsageError(
            f"neither {layer.path} nor its base has {_NEEDED}",
            hints=[f"lamina layer add {shell_quoted(str(layer.path))} {_NEEDED}"],
        )
    kernel = Kernel(name=name, directory=directory / name, spec=_spec(layer, title))
    if kernel.path.exists() and not is_of(kernel.path, layer.path):
        raise ConflictError(
            f"{kernel.path}: a kernel of this name is there, of another Python",
            hints=["--name with another name", f"jupyter kernelspec remove {name}"],
        )
    return kernel


def _spec(layer: OpenLayer, title: str | None) -> dict[str, Any]:
    base = layer.document.base
    on = base.release or Path(base.prefix).name
    python = layer.path / "bin" / "python"
    kept = base.variables
    if has_programs(layer.path):
        kept = with_programs(kept, layer.path)
    programs = kept.get(PROGRAMS)
    # The debugger wants sources, not what is frozen into the interpreter; ipykernel says the same.
    series = tuple(int(part) for part in layer.base.series.split("."))
    frozen = ["-Xfrozen_modules=off"] if series >= (3, 11) else []
    return {
        "argv": [str(python), *frozen, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": title or f"{layer.path.name} (Python {layer.base.series}, on {on})",
        "language": "python",
        # As activated: programs that a notebook starts are the layer's.
        # What libraries are found by, the interpreter itself sets.
        "env": {
            "PATH": ":".join(filter(None, (str(layer.path / "bin"), programs, "${PATH}"))),
            "VIRTUAL_ENV": str(layer.path),
        },
        "metadata": {"debugger": True},
    }


def write_kernel(kernel: Kernel) -> None:
    """Register the kernel, or renew it."""
    fs.make_directory(kernel.directory)
    text = json.dumps(kernel.spec, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    fs.write_text(kernel.path, text)


def is_of(spec: Path, layer: Path) -> bool:
    """Tell whether a specification starts the Python of a layer, which may be gone."""
    try:
        argv = json.loads(spec.read_text(encoding="utf-8"))["argv"]
        return bool(argv[0] == str(layer / "bin" / "python"))
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return False


def remove_kernel(layer: Path, name: str, directory: Path, *, dry_run: bool = False) -> Path:
    """Remove the kernel of a layer; raises UsageError when there is none, ConflictError."""
    path = directory / name / SPEC_NAME
    if not path.exists():
        raise UsageError(f"{path}: no such kernel", hints=["jupyter kernelspec list"])
    if not is_of(path, layer):
        raise ConflictError(
            f"{path}: the kernel of another Python, not of {layer}",
            hints=[f"jupyter kernelspec remove {name}"],
        )
    if not dry_run:
        fs.remove_tree(path.parent)
    return path
