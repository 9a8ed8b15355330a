"""What lamina.toml may say and this version of lamina cannot do yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import NotSupportedError
from lamina.stack.builds import BUILD_HOOKS

if TYPE_CHECKING:
    from lamina.stack.document import Stack


def refuse_what_cannot_be_published(stack: Stack) -> None:
    """Raise NotSupportedError for what shapes a build, where the Python is a conda package."""
    if not stack.conda:
        return
    builds = {
        f"packages.{name}.{field}": bool(getattr(entry, field))
        for name, entry in stack.packages.items()
        for field in ("requires", "env", "patches", "isolated", "bootstrap")
    }
    hooks = {f"hooks.{name}": bool(table.of(*BUILD_HOOKS)) for name, table in stack.hooks.items()}
    _refuse("publish beside [conda]", builds | hooks)


def _refuse(verb: str, used: dict[str, bool]) -> None:
    if found := [where for where, is_used in used.items() if is_used]:
        raise NotSupportedError(
            f"this version of lamina cannot {verb} what lamina.toml says in {', '.join(found)}",
            hints=[f"take {found[0]} out of lamina.toml"],
        )
