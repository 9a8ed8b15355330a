"""Make a layer again as one was made before, without finding anything out anew.

``lamina layer create`` competes with a program that needs 20 ms, as long as Python needs to start:
parsing options and reading documents alone would take five times that. So what a layer over a base
consists of is kept in the cache with everything it depends on, and this file, which imports next to
nothing, makes the next layer from it when none of that has changed. Whatever is unusual is left to
the command itself.
"""

from __future__ import annotations

import binascii
import marshal
import os

from lamina.layer import planting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lamina.layer.planting import Seed

    Identity = tuple[int, int, int] | None

_SCHEMA = 1
_DECIDING = (
    "HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LAMINA_ROOT", "PYTHONPATH", "PATH", "VIRTUAL_ENV",
)  # fmt: skip
"""Environment variables that decide what a name means."""


def replay(words: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Make the layer that ``lamina layer create`` was asked for, from what is known of its base.

    Returns its directory, None when the command itself has to do it.
    """
    parsed = _parsed(words)
    place = _place(parsed[1:], environ) if parsed else None
    if parsed is None or place is None:
        return None
    try:
        with open(place, "rb") as stream:  # noqa: PTH123
            kept = marshal.loads(stream.read())  # noqa: S302 (the user's own cache)
        if kept["key"] != _key(parsed[1:], environ) or not _unchanged(kept["watched"]):
            return None
        seed: Seed = kept["seed"]
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        return None
    layer = os.path.abspath(parsed[0])  # noqa: PTH100
    if _unusual(layer) or planting.occupied(layer):
        return None
    try:
        planting.plant(seed, layer)
    except OSError:
        return None
    return layer


def remember(
    base: str, root: str | None, environ: Mapping[str, str], seed: Seed, watched: Iterable[str]
) -> None:
    """Keep what a layer over ``base`` consists of, for as long as ``watched`` does not change."""
    place = _place((base, root), environ)
    if place is None:
        return
    from pathlib import Path

    from lamina.core import fs
    from lamina.core.errors import StorageError

    paths = {*watched, *_sources(), f"{base}/bin"}
    kept = {
        "key": _key((base, root), environ),
        "watched": {path: _identity(path) for path in paths},
        "seed": dict(seed),
    }
    try:
        fs.make_directory(Path(place).parent)
        fs.write_bytes(Path(place), marshal.dumps(kept), durable=False)
    except StorageError:
        return  # A cache that cannot be written costs time, nothing else.


def _parsed(words: Sequence[str]) -> tuple[str, str, str | None] | None:
    """Return directory, base and root from the plainest spellings of the options."""
    directory = base = root = None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in {"--on", "--root"} and rest:
            value = rest.pop(0)
            base, root = (value, root) if word == "--on" else (base, value)
        elif word.startswith("-") or directory is not None:
            return None
        else:
            directory = word
    if not directory or not base or directory.startswith("~"):
        return None
    return directory, base, root


def _unusual(layer: str) -> bool:
    return ":" in layer or not layer.isprintable() or os.path.islink(layer)  # noqa: PTH114


def _key(asked: tuple[str, str | None], environ: Mapping[str, str]) -> tuple[object, ...]:
    here = "" if asked[0].startswith("/") else os.getcwd()  # noqa: PTH109
    return (_SCHEMA, *asked, here, *(environ.get(name) for name in _DECIDING))


def _place(asked: tuple[str, str | None], environ: Mapping[str, str]) -> str | None:
    home = environ.get("HOME")
    cache = environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else None)
    if not cache:
        return None
    text = repr(_key(asked, environ))
    return f"{cache}/lamina/seeds/{binascii.crc32(text.encode('utf-8', 'backslashreplace')):08x}"


def _sources() -> list[str]:
    """Return the files of lamina that decide what is in a layer."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    names = (
        "activation",
        "activation_variables",
        "create",
        "data_links",
        "guards",
        "hook",
        "launcher",
        "memo",
        "planting",
        "record",
        "scripts",
        "uv_guard",
        "variables",
    )
    target = os.path.join(os.path.dirname(here), "_target")  # noqa: PTH118, PTH120
    hook = ("layer_hook", "layer_makers", "layer_lookups")
    parts = (*hook, "start_archive", "start_index", "layer_index")
    return [*(f"{target}/{name}.py" for name in parts), *(f"{here}/{name}.py" for name in names)]


def _unchanged(watched: Mapping[str, Identity]) -> bool:
    return all(_identity(path) == identity for path, identity in watched.items())


def _identity(path: str) -> Identity:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_mtime_ns)
