"""Have releases and layers say where modules are, so that nobody has to look for them.

No module of its own in a layer: what follows the first line of dashes is a part of the hook there.
"""

import os
import sys

from lamina._target.layer_hook import (
    BASE,
    LAYERS,
    RELEASE_LINE,
    SITES,
    STARTED,
    _complain,
    _standard,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# ------------------------------------------------------------------------------------------------

INDEX_CODE = "_lamina_layer_index.py"


def _wanted() -> bool:
    return os.environ.get("LAMINA_INDEX") != "0"


def _start_releases() -> None:
    """Have releases answer for their directories, before more is imported."""
    for sitedir in SITES if _wanted() else ():  # The line looks for this name.
        if sitedir in LAYERS:
            continue
        try:
            with open(os.path.join(sitedir, RELEASE_LINE), encoding="ascii") as stream:
                line = stream.read()
        except (OSError, ValueError):
            continue
        try:
            exec(line)
        except Exception as error:  # noqa: BLE001 (it is only for speed)
            _complain("%s: %s" % (os.path.join(sitedir, RELEASE_LINE), error))


def _use_indexes() -> None:
    """Have the layers, and what is below them, looked through with fewer calls.

    What does that is beside this code, which an environment made from the layer runs as well.
    """
    if not _wanted():
        return
    path = os.path.join(os.path.dirname(_use_indexes.__code__.co_filename), INDEX_CODE)
    name = INDEX_CODE[:-3]
    module: "Any" = type(sys)(name)
    try:
        exec(type(__loader__)(name, path).get_code(name), vars(module))  # type: ignore[name-defined]
        module.use(LAYERS, BASE + sorted(_standard(sys.path)))
    except Exception:  # noqa: BLE001 (without it, everything is found as well)
        return


STARTED[:] = [_start_releases, _use_indexes]
