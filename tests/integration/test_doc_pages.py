"""The pages of the documentation do what they say, with the real program and the real index."""

from __future__ import annotations

import sys
from pathlib import Path

import generate
import pytest

from lamina.cli.app import COMMANDS
from support.doc_pages import blocks_of, run_page
from support.interpreters import find_interpreter

DOCS = Path(__file__).parents[2] / "docs"

PAGES = (
    "how-to/librarian/closed-stacks.md",
    "how-to/librarian/lists.md",
    "how-to/librarian/platforms.md",
    "how-to/librarian/publish.md",
    "how-to/librarian/write-a-stack.md",
    "how-to/site/install.md",
    "tutorial/first-release.md",
)


def test_every_page_with_something_to_run_is_listed() -> None:
    runnable = {
        str(path.relative_to(DOCS))
        for path in DOCS.rglob("*.md")
        if "_build" not in path.parts and blocks_of(path.read_text(encoding="utf-8"))
    }
    assert runnable == set(PAGES)


@pytest.mark.index
@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page: str, environ: dict[str, str], tmp_path: Path) -> None:
    missing = [name for name, (place, _) in COMMANDS.items() if not generate.is_there(place)]
    if missing and "install" not in page:
        pytest.skip(f"still being written: {', '.join(missing)}")
    find_interpreter("3.12")
    work = tmp_path / "work"
    work.mkdir()
    programs = Path(sys.executable).parent
    environ = environ | {"PATH": f"{programs}:{environ['PATH']}", "NO_COLOR": "1"}
    run_page((DOCS / page).read_text(encoding="utf-8"), directory=work, environ=environ)
