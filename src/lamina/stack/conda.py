"""What a stack takes from conda channels: the entries of ``[conda]``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from lamina.model.conda_fields import ChannelField, CondaNameField
from lamina.model.document import Document
from lamina.model.fields import PlatformField


class CondaEntry(Document):
    """One package of the conda side."""

    version: str = "*"
    """A version as in a MatchSpec: ``>=2.23``, ``1.26.*``, ``*``."""
    build: str | None = None
    """A build as in a MatchSpec: ``*openblas*``."""
    channel: ChannelField | None = None
    """The only channel it is taken from, one of ``[resolve] channels``."""
    platforms: Annotated[tuple[PlatformField, ...], Field(strict=False)] = ()
    """Only on these platforms of the stack; empty: on all."""

    def spec(self, name: str) -> str:
        """Return it as a MatchSpec; the channel is not part of it."""
        parts = [name, self.version] if self.version != "*" or self.build else [name]
        return " ".join([*parts, self.build] if self.build else parts)


def _entry_table(value: Any) -> Any:
    if isinstance(value, str):
        version, _, build = value.strip().partition(" ")
        return {"version": version or "*"} | ({"build": build.strip()} if build else {})
    if not isinstance(value, dict | CondaEntry):
        raise ValueError(  # noqa: TRY004 - pydantic reports ValueError alone
            f"found {value!r}; expected a MatchSpec such as '>=2.23' or '1.26.* *openblas*', or a"
            " table"
        )
    return value


CondaTable = dict[
    CondaNameField,
    Annotated[CondaEntry, BeforeValidator(_entry_table, json_schema_input_type=str | CondaEntry)],
]
