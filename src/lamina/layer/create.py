"""Make a layer over a base."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import ConflictError, UsageError
from lamina.engines.probe import watched_paths
from lamina.layer import planting
from lamina.layer.activation import activation_files
from lamina.layer.base import Base, is_layer
from lamina.layer.conda_base import entering_files, prefixes_below
from lamina.layer.data_links import plan_data_links
from lamina.layer.guards import guards_over
from lamina.layer.hook import needed, site_files
from lamina.layer.launcher import launcher_text
from lamina.layer.planting import mark
from lamina.layer.record import layer_record
from lamina.layer.scripts import DISPATCHER, base_scripts, dispatcher_text, unrecorded_scripts
from lamina.layer.transaction import INTERNAL
from lamina.model.layer_files import LAYER_NAME

if TYPE_CHECKING:
    from lamina.engines.probe import BaseProbe
    from lamina.layer.planting import Seed


def layer_directory(given: Path) -> Path:
    """Return the absolute path of a new layer; raises UsageError for one that PATH cannot hold."""
    absolute = Path(os.path.abspath(given.expanduser()))  # noqa: PTH100
    if wrong := re.search(r"[:\x00-\x1f]", str(absolute)):
        raise UsageError(
            f"{given}: a layer's path cannot contain {wrong.group()!r}, which PATH cannot hold"
        )
    return absolute


def create_layer(directory: Path, base: Base) -> Seed:
    """Make a layer; raises ConflictError when the directory is not empty."""
    _refuse_occupied(directory)
    seed = plan_layer(base)
    try:
        planting.plant(seed, str(directory))
    except OSError as error:
        _refuse_occupied(directory)  # Somebody else was faster.
        raise fs.storage_error(error, directory) from error
    return seed


def _refuse_occupied(directory: Path) -> None:
    if planting.occupied(str(directory)):
        raise ConflictError(f"{directory}: {_what(directory)}", hints=_ways_out(directory))


def _what(directory: Path) -> str:
    return "there is a layer already" if is_layer(directory) else "not empty"


def _ways_out(directory: Path) -> list[str]:
    """Return hints; never one by which a person would remove files of their own."""
    quoted = planting.shell_quoted(str(directory))
    if is_layer(directory):
        return [f"lamina layer show {quoted}", f"rm -r {quoted}"]
    return [f"choose a new directory, such as {planting.shell_quoted(f'{directory}-layer')}"]


def watched_by(base: Base, seed: Seed, root: Path) -> list[str]:
    """Return the files and directories that decide what a layer over a base consists of."""
    place, described = base.place, base.probe
    data = [f"{prefix}/{one}" for prefix in described.data for one in seed["directories"]]
    tops = [f"{prefix}/{top}" for prefix in described.data for top in ("share", "etc")]
    places = [*watched_paths(described), *tops, *data]
    places += [str(place.python), str(place.programs), f"{place.prefix}/.lamina/base.json"]
    places.append(f"{place.prefix}/{LAYER_NAME}")
    if "@" in place.given:
        stack, _, tier = place.given.partition("@")
        places.append(f"{root}/tiers/{stack}/{tier}")
    return places


def plan_layer(base: Base) -> Seed:
    """Return what a layer over a base consists of, whatever its directory."""
    described = base.probe
    site = f"lib/python{described.series}/site-packages"
    data_directories, data_links = plan_data_links(described.data)
    entries, python_files, programs = base_scripts(described)
    pythons = (base.place.python, Path(described.interpreter))
    more = unrecorded_scripts(base.place.programs, pythons)
    python_files |= {name: path for name, path in more.items() if name not in {*entries, *programs}}
    scripts = {f"bin/{name}": DISPATCHER for name in (*entries, *python_files)}
    scripts |= {f"bin/{name}": path for name, path in programs.items()}
    guards = {f"bin/{name}": text for name, text in guards_over(described, programs).items()}
    scripts = {path: target for path, target in scripts.items() if path not in guards}
    files = {
        "pyvenv.cfg": _configuration(described),
        LAYER_NAME: layer_record(base),
        ".gitignore": "*\n",
        f"bin/{DISPATCHER}": dispatcher_text(entries, python_files),
    }
    files |= guards | {f"{site}/{name}": text for name, text in site_files(described).items()}
    needs = [described.interpreter, *needed(described)]
    activation = activation_files(base.place.variables, needs, described.interpreter)
    conda = entering_files(prefixes_below(base))
    files |= {f"bin/{name}": text for name, text in activation.items()} | conda
    executable = [f"bin/{DISPATCHER}", *guards]
    links = scripts | _interpreter_links(described) | data_links
    if (launcher := launcher_text(described.interpreter, base.place.variables)) is not None:
        del links["bin/python"]
        files["bin/python"] = launcher
        executable.append("bin/python")
    return {
        "directories": [
            "bin",
            "lib",
            f"lib/python{described.series}",
            site,
            *data_directories,
            *([INTERNAL] if conda else []),
        ],
        "files": files,
        "executable": executable,
        "links": links,
    }


def _interpreter_links(described: BaseProbe) -> dict[str, str]:
    names = ["python3", f"python{described.series}"]
    return {"bin/python": described.interpreter} | {f"bin/{name}": "python" for name in names}


def _configuration(described: BaseProbe) -> str:
    # The real directory: through a view's link the interpreter would not find its library.
    return (
        f"home = {Path(described.interpreter).parent}\n"
        "include-system-site-packages = false\n"
        f"version = {described.version}\n"
        f"prompt = {mark('prompt')}\n"
    )
