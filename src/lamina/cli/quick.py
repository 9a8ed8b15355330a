"""What can be done before the command line is even imported."""

from __future__ import annotations

import os
import sys


def try_quickly() -> bool:
    """Make a layer from what is known of its base; tell whether that was all there is to do."""
    if sys.argv[1:3] != ["layer", "create"]:
        return False
    from lamina.layer.memo import replay

    layer = replay(sys.argv[3:], os.environ)
    if layer is None:
        return False
    sys.stdout.write(activation_hint(layer) + "\n")
    return True


def activation_hint(layer: str) -> str:
    """Return the line that a user types next."""
    from lamina.layer.planting import shell_quoted

    return f". {shell_quoted(f'{layer}/bin/activate')}"
