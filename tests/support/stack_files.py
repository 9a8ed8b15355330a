"""Tiny stacks, valid and broken, and the examples that ship with the source."""

from __future__ import annotations

from pathlib import Path

STACKS = Path(__file__).parent / "stacks"
REPOSITORY = Path(__file__).parents[2]

VALID = sorted((STACKS / "valid").glob("*.toml"))
BROKEN = sorted((STACKS / "broken").glob("*.toml"))
EXAMPLES = sorted((REPOSITORY / "examples").glob("*/lamina.toml"))

SMALLEST = (STACKS / "valid" / "smallest.toml").read_text(encoding="utf-8")
