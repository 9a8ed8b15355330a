"""How people name a release: ``stack``, ``stack/version``, ``stack@tier``."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.model.names import StackName, TierName, parse_stack_name, parse_tier_name
from lamina.model.versions import ReleaseVersion, parse_release_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReference:
    """A release by its version, by a tier, or (neither given) the newest of the stack."""

    stack: StackName
    version: ReleaseVersion | None = None
    tier: TierName | None = None

    @classmethod
    def parse(cls, text: str) -> ReleaseReference:
        """Read a reference; raises ValueError on anything else."""
        if "@" in text:
            stack, _, tier = text.partition("@")
            return cls(stack=parse_stack_name(stack), tier=parse_tier_name(tier))
        if "/" in text:
            stack, _, version = text.partition("/")
            return cls(stack=parse_stack_name(stack), version=parse_release_version(version))
        return cls(stack=parse_stack_name(text))

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.stack}/{self.version}"
        return f"{self.stack}@{self.tier}" if self.tier is not None else self.stack
