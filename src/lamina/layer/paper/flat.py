"""A paper lock made real without any base: a plain environment with the packages of both."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core import fs
from lamina.core.errors import NotSupportedError, UnsatisfiableError
from lamina.layer.activation import activation_files
from lamina.layer.building import fill
from lamina.layer.paper.of_no_index import find_of_no_index, is_of_no_index
from lamina.layer.paper.text import dump_paper
from lamina.layer.planting import mark
from lamina.release.relocate import Relocation, relocate_scripts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.engines.interpreters import Interpreter
    from lamina.layer.building import Delivery
    from lamina.layer.fetching import Shelf
    from lamina.layer.paper.document import PaperLock
    from lamina.layer.paper.of_no_index import Sources
    from lamina.layer.paper.rebuilt import Rebuilt
    from lamina.layer.planting import Seed
    from lamina.model.artifacts import Artifact

PAPER_NAME = "lamina-paper.lock"
"""In an environment without a base: what it was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatList:
    """The files of base and layer."""

    artifacts: tuple[Artifact, ...]
    unrecorded: tuple[str, ...]
    """Of these, the packages whose file only the user's own directories vouch for."""
    others: tuple[str, ...]
    """Packages of no index that are other ones than the base has, out of those directories."""
    known: Mapping[Artifact, str]
    """Files that are on this machine, with their addresses: wheels that the base was built of, and
    what is of no index."""
    sources: tuple[Sources, ...]
    """What is built first."""


def plan_flat(lock: PaperLock, shelf: Shelf, rebuilt: Rebuilt, *, unpatched: bool) -> FlatList:
    """Return what base and layer together consist of.

    ``unpatched``: of what is of no index, another build will do. Raises UnsatisfiableError naming
    the packages of the base of which nobody recorded a file and that the user's directories do not
    have, or that come from a directory; NotSupportedError on another platform.
    """
    _check_platform(lock)
    found = [one.artifact() for one in lock.packages]
    missing, unrecorded = [], []
    rest = [one for one in lock.base.packages if canonicalize_name(one.name) not in lock.own]
    wheels = {one.name: wheel for one in rest if (wheel := rebuilt.artifact(one)) is not None}
    rest = [one for one in rest if one.name not in wheels]
    for one in rest:
        if is_of_no_index(one):
            continue
        artifact = one.artifact()
        if artifact is None and (artifact := shelf.match(one.name, one.version, lock.base.series)):
            unrecorded.append(one.name)
        if artifact is None:
            missing.append(f"{one.name} {one.version}")
        else:
            found.append(artifact)
    if missing:
        raise UnsatisfiableError(
            f"no file is recorded of these packages of the base: {', '.join(missing)}",
            hints=[
                "--find-links DIR, with a directory that has their files",
                "lamina layer lock --look-up, while the layer is there, records what the index has",
            ],
        )
    outside = find_of_no_index(
        [one for one in rest if is_of_no_index(one)], lock, shelf, others=unpatched
    )
    built = {wheel: rebuilt.wheels[name].as_uri() for name, wheel in wheels.items()}
    return FlatList(
        artifacts=tuple(found),
        unrecorded=tuple(unrecorded),
        others=tuple(outside.others),
        known=built | outside.files,
        sources=tuple(outside.sources),
    )


def _check_platform(lock: PaperLock) -> None:
    here = sysconfig.get_platform()
    if _kind(here) != _kind(lock.base.platform):
        raise NotSupportedError(
            f"the files of the lock are for {lock.base.platform}; this machine is {here}",
            hints=[f"lamina layer create DIR --on BASE, then add: {' '.join(lock.requests)}"],
        )


def _kind(platform: str) -> tuple[str, str]:
    """Return system and processor; a macOS platform has a version between them."""
    words = platform.split("-")
    return words[0], words[-1]


def build_flat(
    stage: Path, final: Path, lock: PaperLock, interpreter: Interpreter, goods: Delivery
) -> None:
    """Make the environment in ``stage`` that is one at ``final``."""
    fill(_seed(interpreter, dump_paper(lock)), stage, final)
    goods.install(stage, stage / "bin" / "python")
    fs.remove_file(stage / ".lock")  # uv's, for while it installs
    relocate_scripts(Relocation(stage=stage, final=final))


def _seed(interpreter: Interpreter, paper: str) -> Seed:
    series = str(interpreter.series)
    configuration = (
        f"home = {interpreter.path.parent}\n"
        "include-system-site-packages = false\n"
        f"version = {interpreter.version}\n"
        f"prompt = {mark('prompt')}\n"
    )
    files = {"pyvenv.cfg": configuration, PAPER_NAME: paper, ".gitignore": "*\n"}
    files |= {f"bin/{name}": text for name, text in activation_files().items()}
    library = f"lib/python{series}"
    names = ("python3", f"python{series}")
    return {
        "directories": ["bin", "lib", library, f"{library}/site-packages"],
        "files": files,
        "executable": [],
        "links": {"bin/python": str(interpreter.path)} | {f"bin/{n}": "python" for n in names},
    }
