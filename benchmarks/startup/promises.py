"""What is promised of a start, beside what was measured, and how tables are printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A bound of a measured number, on one side or the other."""

    text: str
    measured: float
    least: float | None = None
    most: float | None = None

    @property
    def kept(self) -> bool:
        """Say whether the number is within its bounds."""
        too_low = self.least is not None and self.measured < self.least
        return not too_low and (self.most is None or self.measured <= self.most)

    def line(self) -> str:
        """Return the promise as text."""
        verdict = "kept" if self.kept else "not met"
        return f"  promised: {self.text}; measured {self.measured:.4g}: {verdict}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines in columns, the first to the left and the others to the right."""
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    return [
        "  "
        + row[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in (heads, *rows)
    ]
