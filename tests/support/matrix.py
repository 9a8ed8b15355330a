"""The table of what holds over which shape of base, written from the tests that have just run.

A test takes part by its parameter ``shape``. Its other parameters say how Python was started or
what was looked at; ``series`` is folded into the cells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

PROPERTY = "matrix"
_TITLES = {
    "prefix": "a prefix",
    "view": "one site-packages on PYTHONPATH",
    "packages": "one directory a package on PYTHONPATH",
}
_HEAD = """\
# What holds over which base

Every cell is a test that was run: the Pythons it passed with, or yes where one was tried.
`python3 tasks.py matrix` runs them and writes this page.

| what | how | {titles} |
|---|---|{lines}|
"""

Row = tuple[str, str]
"""What is checked, and how."""


@dataclass
class Matrix:
    """The outcomes, as the tests report them."""

    page: Path
    cells: dict[Row, dict[str, list[tuple[str, bool]]]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test says of itself, once it is over or has failed."""
        if report.when != "call" and report.passed:
            return
        for name, value in report.user_properties:
            if name == PROPERTY:
                what, how, shape, series = json.loads(str(value))
                cell = self.cells.setdefault((what, how), {}).setdefault(shape, [])
                cell.append((series, report.passed))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Only name the rows, when nothing is to be run."""
        if session.config.option.collectonly:
            for item in session.items:
                if (told := describe(item)) is not None:
                    self.cells.setdefault(told[:2], {})

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        self.page.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """Return the page."""
        shapes = [shape for shape in SHAPES if any(shape in one for one in self.cells.values())]
        titles = " | ".join(_TITLES[shape] for shape in shapes)
        lines = [_HEAD.format(titles=titles, lines="|".join(["---"] * len(shapes)))]
        for (what, how), cells in sorted(self.cells.items()):
            shown = " | ".join(_cell(cells.get(shape, [])) for shape in shapes)
            lines.append(f"| {what} | {how} | {shown} |\n")
        return "".join(lines)


def _cell(outcomes: Iterable[tuple[str, bool]]) -> str:
    several = sorted(outcomes, key=lambda one: [int(part) for part in one[0].split(".") if part])
    if not several:
        return ""
    if not all(passed for _, passed in several):
        return "NO"
    return ", ".join(series for series, _ in several if series) or "yes"


def describe(item: pytest.Item) -> tuple[str, str, str, str] | None:
    """Return what a test checks, how, over which shape, with which series; None: no such test."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "shape" not in callspec.params:
        return None
    params: dict[str, Any] = dict(callspec.params)
    shape, series = params.pop("shape"), params.pop("series", "")
    what = getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")
    how = ", ".join(_words(value) for value in params.values())
    return what, how, shape, series


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def take_part(items: Iterable[pytest.Item]) -> None:
    """Have each test of the table say so in its report."""
    for item in items:
        if (told := describe(item)) is not None:
            item.user_properties.append((PROPERTY, json.dumps(told)))


def rows_in(page: Path) -> set[Row]:
    """Return the rows of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    cells = [[one.strip() for one in line.split("|")[1:3]] for line in lines if line[:1] == "|"]
    return {(what, how) for what, how in cells[2:]}
