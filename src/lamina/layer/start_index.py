"""The indexes of a layer: where the modules of its directories are, and those of its base.

They are for speed alone. What reads them, ``_target/layer_index.py``, uses no part of one whose
directory has changed since.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from lamina.core import fs, report
from lamina.core.errors import CommandFailedError, StorageError
from lamina.core.run import base_environment, run
from lamina.layer.transaction import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.probe import BaseProbe

OWN = "index"
BASE = "index-base"
FILE = "start.index"

_TARGET = Path(__file__).parents[1] / "_target"


def write_own_index(layer: Path, environ: Mapping[str, str]) -> None:
    """Write down where the modules of a layer are; where that fails, say so and go on."""
    try:
        _write(layer, OWN, [*layer.glob("lib/python3*/site-packages"), layer / "bin"], environ)
    except (CommandFailedError, StorageError) as error:
        report.warn(f"{layer}: its index for quick starts was not written: {error.message}")


def write_base_index(layer: Path, base: BaseProbe, environ: Mapping[str, str]) -> int:
    """Write down where the modules of a layer's base are; return how many directories that is.

    All of them are walked through. Raises CommandFailedError, StorageError.
    """
    tops = directories_below(base)
    if not tops:
        fs.remove_file(layer / INTERNAL / BASE / FILE)
        return 0
    return _write(layer, BASE, tops, environ)


def directories_below(base: BaseProbe) -> list[Path]:
    """Return the directories of a base's search path that no index of their own tells of."""
    places = [Path(one) for one in (*base.stdlib, *base.path)]
    return [one for one in places if one.is_dir() and not _is_indexed(one)]


def _is_indexed(directory: Path) -> bool:
    """Tell whether a directory is one of a release that has an index."""
    return any((above / INTERNAL / OWN / FILE).is_file() for above in directory.parents)


def _write(layer: Path, name: str, tops: Iterable[Path], environ: Mapping[str, str]) -> int:
    """Write an index with the layer's Python, and put it in its place whole."""
    stage = layer / INTERNAL / f"stage-{uuid4().hex[:12]}"
    fs.make_directory(stage)
    try:
        python, script = layer / "bin" / "python", _TARGET / "write_layer_index.py"
        words, env = [script, stage, layer, *tops], base_environment(environ)
        answer = run(
            [python, "-I", "-S", "-B", *words],
            env=env | {"LAMINA_INDEX": "0"},
        )
        fs.make_directory(layer / INTERNAL / name)
        written = (stage / FILE).read_bytes()
        fs.write_bytes(layer / INTERNAL / name / FILE, written, durable=False)
    finally:
        fs.remove_tree(stage)
    return int(json.loads(answer.stdout)["directories"])
