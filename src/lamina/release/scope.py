"""What of a stack can be published here, and for which Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import NotSupportedError, UsageError
from lamina.model.platforms import Target, current_platform

if TYPE_CHECKING:
    from lamina.stack.document import Stack


def refuse_unsupported(stack: Stack) -> None:
    """Raise NotSupportedError for what the document allows and publishing cannot do yet."""
    used = {
        "[conda]": bool(stack.conda),
        "stack.extends": bool(stack.stack.extends),
        "[hooks]": bool(stack.hooks),
    } | {
        f"packages.{name}.{field}": bool(value)
        for name, entry in stack.packages.items()
        for field, value in (
            ("requires", entry.requires), ("env", entry.env), ("patches", entry.patches)
        )
    }  # fmt: skip
    if found := [where for where, is_used in used.items() if is_used]:
        raise NotSupportedError(
            f"this version of lamina cannot publish {', '.join(found)}",
            hints=[f"take {found[0]} out of lamina.toml"],
        )


def choose_target(stack: Stack, series: str | None) -> Target:
    """Return what to publish for: this machine, and the series asked for or the newest."""
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
