"""Which files a layer itself consists of: no package may bring, hide or take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lamina.layer.activation import activation_files
from lamina.layer.conda_prefix import CONDA, PATH_FILE
from lamina.layer.scripts import DISPATCHER
from lamina.layer.transaction import INTERNAL
from lamina.model.layer_files import LAYER_LOCK_NAME, LAYER_NAME

if TYPE_CHECKING:
    from pathlib import PurePath

HOOK = "_lamina_layer"
INDEX_HOOK = "_lamina_layer_index"
FIRST = "+lamina.pth"
LAST = "~lamina.pth"

_TOP = frozenset({"pyvenv.cfg", ".gitignore", LAYER_NAME, LAYER_LOCK_NAME, INTERNAL, CONDA})
_PROGRAMS = frozenset({DISPATCHER, *activation_files()})
_SITE = frozenset({FIRST, LAST, f"{HOOK}.py", f"{INDEX_HOOK}.py", PATH_FILE})


def is_of_the_layer(relative: PurePath) -> bool:
    """Tell whether a path, relative to the layer, is the layer's own or below what is."""
    match relative.parts:
        case (first, *_) if first in _TOP:
            return True
        case ("bin", name):
            return name in _PROGRAMS or re.fullmatch(r"python[\d.]*", name) is not None
        case ("lib", _, "site-packages", name):
            return name in _SITE
        case _:
            return False
