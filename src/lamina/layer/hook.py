"""The start-up hook of a layer: its code, the .pth files that call it, and how an edit is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina._target import joined
from lamina.layer.ownership import FIRST, HOOK, INDEX_HOOK, LAST
from lamina.model.digests import digest_of_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.probe import BaseProbe

HOOK_SOURCES = ("layer_hook.py", "layer_makers.py", "layer_lookups.py")
INDEX_SOURCES = ("start_archive.py", "start_index.py", "layer_index.py")
_NEEDED = 4
"""How many directories of the base are looked for when an interpreter starts."""

# Python before 3.12.8 leaves cut byte code behind on a full disk, and then cannot import it ever.
_IMPORT = f"""
try:
    import {HOOK}
except (EOFError, ValueError, TypeError):
    import importlib.util, os
    os.remove(importlib.util.cache_from_source(os.path.join(sitedir, {HOOK + ".py"!r})))
    import {HOOK}
"""
# PYTHONPATH may name another layer, whose hook would be imported instead. An interpreter reads the
# .pth files of a virtual environment twice: the second time, the path is in order already.
_FIND = f"{HOOK!r} in sys.modules or sys.path.insert(0, sitedir)"
START_LINES = {
    FIRST: f"import sys; {_FIND}; exec({_IMPORT!r})\n",
    LAST: f"import {HOOK}; {HOOK}.finish()\n",
}
"""The .pth files of a layer, read before and after all others."""
_STAMP = "# sha256 of all above and of the .pth files: "
"""By it, a hook of another version of lamina is told from one that somebody has edited."""


def hook_code() -> str:
    """Return the code of a start-up hook: layer_hook.py, and what other files have to add."""
    return joined(*HOOK_SOURCES)


def index_code() -> str:
    """Return the code that looks through a layer's search path by its indexes."""
    return joined(*INDEX_SOURCES)


def site_files(described: BaseProbe) -> dict[str, str]:
    """Return what a layer's site-packages has of the layer itself: name -> text."""
    return {f"{HOOK}.py": hook_text(described), f"{INDEX_HOOK}.py": index_code(), **START_LINES}


def needed(described: BaseProbe) -> list[str]:
    """Return the directories without which the base is taken for gone."""
    return list((described.roots or described.path)[:_NEEDED])


def hook_text(described: BaseProbe) -> str:
    """Return the start-up hook of a layer: the code and what it needs to know of the base."""
    facts = {
        "layers": list(described.layers),
        "path": list(described.path),
        "sites": list(described.sites),
        "roots": list(described.roots),
        "needs": needed(described),
    }
    text = f"{hook_code()}\n\nstart({facts!r}, os.path.dirname(os.path.abspath(__file__)))\n"
    stamp = _digest(text, "".join(START_LINES.values()))
    return f"{text}{_STAMP}{stamp}\n"


def is_as_written(site: Path) -> bool:
    """Tell whether a start-up hook is as some lamina wrote it, be it another version; or edited."""
    try:
        text = (site / f"{HOOK}.py").read_text(encoding="utf-8")
        start = "".join((site / one).read_text(encoding="utf-8") for one in START_LINES)
    except (OSError, ValueError):
        return False
    above, stamp, digest = text.rpartition(_STAMP)
    return bool(stamp) and digest == f"{_digest(above, start)}\n"


def _digest(hook: str, start: str) -> str:
    return digest_of_bytes(f"{hook}{start}".encode())
