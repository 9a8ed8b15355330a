"""A base of small wheels, changes of layers on it, and what is in them afterwards."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lamina.layer.change import Request, change_layer
from support.wheels import Wheel
from support.workshop import Workshop, run

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.plan import Plan

ALPHA_1 = Wheel(name="alpha", version="1.0", scripts={"alpha": "alpha:main"})
ALPHA_2 = Wheel(
    name="alpha", version="2.0", scripts={"alpha": "alpha:main", "alpha2": "alpha:main"}
)
BETA_1 = Wheel(name="beta", version="1.0", requires=["alpha<2"])
BETA_2 = Wheel(name="beta", version="2.0", requires=["alpha>=2"])
GAMMA = Wheel(name="gamma", version="1.0", requires=["alpha"])
UNRELATED_OLD = Wheel(name="unrelated", version="1.0")
UNRELATED_NEW = Wheel(name="unrelated", version="9.0")
HOME_MADE = Wheel(name="home-made", version="6.30+site", requires=["alpha", "waived>=3"])


def layer_on_a_base(workshop: Workshop, python: Path) -> Path:
    """Make an empty layer over a base of old versions, with newer ones on the index."""
    workshop.index.add(ALPHA_1, ALPHA_2, BETA_1, BETA_2, GAMMA, UNRELATED_OLD, UNRELATED_NEW)
    base = workshop.base(python, ALPHA_1, BETA_1, UNRELATED_OLD, HOME_MADE)
    return workshop.layer(base)


def change(workshop: Workshop, layer: Path, *add: str, **options: object) -> Plan:
    """Add to a layer, or what the options of a request say."""
    return change_layer(Request(layer=layer, add=add, **options), workshop.environ)  # type: ignore[arg-type]


def versions(workshop: Workshop, layer: Path, *names: str) -> list[str]:
    """Return the versions of modules as the layer imports them."""
    code = f"import {', '.join(names)}; print({', '.join(f'{n}.__version__' for n in names)})"
    return run([layer / "bin" / "python", "-B", "-c", code], workshop.environ).split()


def tree(layer: Path) -> dict[str, str]:
    """Return everything a user can see in a layer: path -> content."""
    found = {}
    for path in sorted(layer.rglob("*")):
        relative = path.relative_to(layer)
        if relative.parts[0] == ".lamina" or "__pycache__" in relative.parts:
            continue
        if path.is_symlink():
            found[str(relative)] = f"-> {path.readlink()}"
        elif path.is_file():
            found[str(relative)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
