"""For which of its targets a stack is published here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import UsageError
from lamina.model.platforms import Target, current_platform

if TYPE_CHECKING:
    from lamina.stack.document import Stack


def choose_target(stack: Stack, series: str | None) -> Target:
    """Return this machine's platform with the Python series asked for, or the stack's newest.

    Raises UsageError when the stack is for another platform or another series.
    """
    platform = current_platform()
    if platform not in stack.stack.platforms:
        raise UsageError(
            f"{stack.stack.name} is for {', '.join(stack.stack.platforms)}; this machine is "
            f"{platform}",
            hints=[f'add "{platform}" to [stack] platforms', "lamina lock"],
        )
    known = {str(one): one for one in stack.stack.python}
    if series is not None and series not in known:
        raise UsageError(
            f"{stack.stack.name} is for Python {', '.join(known)}, not for {series}",
            hints=[f"lamina publish --series {one}" for one in known],
        )
    return Target(platform, known[series] if series else max(known.values()))
