"""The page of what holds over which base has a row for every test of it, and no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.matrix import rows_in

HERE = Path(__file__).parents[2]


def test_the_page_is_about_the_tests_there_are(tmp_path: Path) -> None:
    page = tmp_path / "matrix.md"
    argv = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    argv += ["--matrix", str(page), "tests/integration/layer"]
    done = subprocess.run(argv, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    committed = HERE / "docs" / "reference" / "layer-matrix.md"
    assert rows_in(committed) == rows_in(page), "run: python3 tasks.py matrix"


def test_what_the_page_says_was_true() -> None:
    cells = [
        cell.strip()
        for line in (HERE / "docs/reference/layer-matrix.md").read_text().splitlines()[7:]
        for cell in line.split("|")[3:-1]
    ]
    assert len(cells) > 100
    assert "NO" not in cells
