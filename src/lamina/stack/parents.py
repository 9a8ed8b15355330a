"""What a stack extends: one entry of ``[stack] extends``."""

from __future__ import annotations

import re
from typing import Annotated, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import AfterValidator, BeforeValidator, model_validator

from lamina.model.document import Document
from lamina.model.fields import StackField
from lamina.model.names import TierName, parse_tier_name

ANY_RELEASE = "*"
_WRITTEN = re.compile(r"\s*([^\s@<>=!~,]+)\s*(?:@\s*(\S+)|(\S.*?))?\s*")


def check_range(text: str, *, what: str = "range of releases", example: str = "'>=2026.10'") -> str:
    """Return a PEP 440 range or ``*``; raises ValueError, with an example, for anything else."""
    try:
        SpecifierSet("" if text == ANY_RELEASE else text)
    except InvalidSpecifier:
        raise ValueError(
            f"{text!r} is not a {what}; write '*' or PEP 440 such as {example}"
        ) from None
    return text


def _check_place(text: str) -> str:
    if not text.strip() or "\0" in text or "://" in text:
        raise ValueError(f"{text!r} is not the path of a file or directory")
    return text


TierField = Annotated[TierName, AfterValidator(parse_tier_name)]
PlaceField = Annotated[str, AfterValidator(_check_place)]


class ParentEntry(Document):
    """Another stack whose packages come along."""

    stack: StackField | None = None
    """Its name; of a lock it need not be given, and is compared when it is."""
    version: Annotated[str, AfterValidator(check_range)] = ANY_RELEASE
    """A PEP 440 range: the newest release in it that is in service is taken."""
    tier: TierField | None = None
    """Take the release that this tier names."""
    root: PlaceField | None = None
    """The root it is published in, from the directory of lamina.toml; none: that of the command."""
    lock: PlaceField | None = None
    """Its lamina.lock, or the directory of its stack, from that of lamina.toml: no release then."""
    priority: int = 0
    """Among parents of which none extends the other, the higher one comes first."""

    @model_validator(mode="after")
    def _one_kind(self) -> ParentEntry:
        ranged = self.version != ANY_RELEASE
        if self.lock is not None:
            others = {"version": ranged, "tier": self.tier, "root": self.root}
            if given := [name for name, value in others.items() if value]:
                raise ValueError(f"a lock has no {' and no '.join(given)}; it is what it is")
        elif self.stack is None:
            raise ValueError("name the stack of its releases, or give its lock")
        elif ranged and self.tier is not None:
            raise ValueError("give a range or a tier, not both")
        return self

    @property
    def specifier(self) -> SpecifierSet:
        """The range of releases."""
        return SpecifierSet("" if self.version == ANY_RELEASE else self.version)

    def __str__(self) -> str:
        if self.lock is not None:
            return self.lock
        if self.tier is not None:
            return f"{self.stack}@{self.tier}"
        return f"{self.stack} {self.version}" if self.version != ANY_RELEASE else str(self.stack)


def _entry(value: Any) -> Any:
    """Read ``hep-base >=2026.10`` and ``hep-base@stable``."""
    if isinstance(value, str):
        found = _WRITTEN.fullmatch(value)
        if found is None:
            raise ValueError(f"{value!r} is not a stack such as 'hep-base >=2026.10'")
        given = {"stack": found[1], "tier": found[2], "version": found[3]}
        return {key: text for key, text in given.items() if text is not None}
    if not isinstance(value, dict | ParentEntry):
        raise ValueError(  # noqa: TRY004
            f"found {value!r}; expected a stack such as 'hep-base >=2026.10', or a table"
        )
    return value


ParentField = Annotated[
    ParentEntry, BeforeValidator(_entry, json_schema_input_type=str | ParentEntry)
]
