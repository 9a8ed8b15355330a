"""That every side imports the same modules, each from its own place and from valid byte code."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.startup.prefixes import Shapes, Start

LOOK = """
import importlib.util, json, os, struct, sys

def stale(spec):
    source, cached = spec.origin, spec.cached
    try:
        with open(cached, "rb") as file:
            head = file.read(16)
    except OSError:
        return True
    if head[:4] != importlib.util.MAGIC_NUMBER:
        return True
    flags, when, size = struct.unpack("<III", head[4:])
    if flags:
        return flags != 1
    status = os.stat(source)
    return (when, size) != (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)

found = {}
for name, module in list(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    origin = getattr(spec, "origin", None)
    if spec is None or spec.name != name or not origin or not os.path.isabs(origin):
        continue
    found[name] = [origin, bool(spec.cached) and origin.endswith(".py") and stale(spec)]
print(json.dumps(found))
"""
OWN = ("_lamina", "_virtualenv", "lamina_", "sitecustomize", "~lamina")
"""How modules begin that one side has for itself."""


def check(shapes: Shapes, sides: list[Start], home: Path) -> list[str]:
    """Return a line a side; SystemExit says which modules are not what they should be."""
    _modules(shapes, sides[0], home)  # what is remembered in a new home, like its fonts, costs once
    modules = {side.name: _modules(shapes, side, home) for side in sides}
    first = sides[0].name
    for side in sides:
        strange = _own_less(modules[side.name]) ^ _own_less(modules[first])
        if strange:
            sys.exit(f"{side.name} and {first} do not import the same: {sorted(strange)[:5]}")
    return [f"  {name:18} {len(found):6} modules from files" for name, found in modules.items()]


def _modules(shapes: Shapes, side: Start, home: Path) -> set[str]:
    answer = subprocess.run(
        [side.python, "-c", f"{shapes.statement}\n{LOOK}"],
        env=side.environ(home),
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, tuple[str, bool]] = json.loads(answer.stdout.splitlines()[-1])
    foreign = [
        name for name, (origin, _) in found.items() if not origin.startswith(f"{side.prefix}/")
    ]
    if foreign:
        sys.exit(f"{side.name}: not from its own place: {sorted(foreign)[:5]}")
    if stale := [name for name, (_, is_stale) in found.items() if is_stale]:
        sys.exit(f"{side.name}: no valid byte code: {sorted(stale)[:5]} and {len(stale)} in all")
    return set(found)


def _own_less(modules: set[str]) -> set[str]:
    return {name for name in modules if not name.startswith(OWN)}
