"""The programs that a layer has in the place of those that would go wrong in it.

``uv`` has its own module. ``pip``: where neither the base nor the layer brings one, that of another
Python is found on PATH, and installs there without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.layer.planting import mark
from lamina.layer.uv_guard import GUARD, guard_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.engines.probe import BaseProbe

PIPS = ("pip", "pip3")

_PIP = """\
#!/bin/sh
# The base of this layer brought no pip, and that of another Python would install there.
python={layer}/bin/python
if "$python" -I -c 'import pip' 2>/dev/null; then
    exec "$python" -m pip "$@"
fi
echo "error: there is no pip in this layer, nor in its base" >&2
echo "hint: lamina layer add PACKAGE... resolves with the base" >&2
echo "hint: lamina layer add pip, for pip itself" >&2
exit 2
"""


def guards_over(base: BaseProbe, programs: Mapping[str, str]) -> dict[str, str]:
    """Return name -> text of the guards in a layer's bin directory; ``programs`` of the base."""
    found = {GUARD: guard_text(programs.get(GUARD))}
    if all(canonicalize_name(one.key) != "pip" for one in base.distributions):
        text = _PIP.format(layer=mark("sh"))
        found |= dict.fromkeys(PIPS, text)
    return found
