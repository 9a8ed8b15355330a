"""What can be done before the command line is even imported."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def try_quickly(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Make a layer from what is known of its base; tell whether that was all there is to do."""
    if list(arguments[:2]) != ["layer", "create"]:
        return False
    from lamina.layer.memo import replay

    layer = replay(arguments[2:], environ)
    if layer is None:
        return False
    sys.stdout.write(activation_hint(layer) + "\n")
    return True


def activation_hint(layer: str) -> str:
    """Return the line that a user types next."""
    from lamina.layer.planting import shell_quoted

    return f". {shell_quoted(f'{layer}/bin/activate')}"
