"""What lamina.toml may say and this version of lamina cannot do yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import NotSupportedError

if TYPE_CHECKING:
    from lamina.stack.document import Stack


def refuse_what_cannot_be_published(stack: Stack) -> None:
    """Raise NotSupportedError for everything that would have to shape a release."""
    builds = {
        f"packages.{name}.{field}": bool(value)
        for name, entry in stack.packages.items()
        for field, value in (
            ("requires", entry.requires),
            ("env", entry.env),
            ("patches", entry.patches),
        )
    }
    _refuse("publish", {"[hooks]": bool(stack.hooks)} | builds)


def _refuse(verb: str, used: dict[str, bool]) -> None:
    if found := [where for where, is_used in used.items() if is_used]:
        raise NotSupportedError(
            f"this version of lamina cannot {verb} what lamina.toml says in {', '.join(found)}",
            hints=[f"take {found[0]} out of lamina.toml"],
        )
