"""The pages of the documentation do what they say, with the real program and the real index."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.doc_pages import blocks_of, run_page
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from support.places import Place

DOCS = Path(__file__).parents[2] / "docs"

PAGES = (
    "how-to/librarian/channels.md",
    "how-to/librarian/closed-stacks.md",
    "how-to/librarian/cms-stack.md",
    "how-to/librarian/cold-start.md",
    "how-to/librarian/conda-lists.md",
    "how-to/librarian/extend-a-stack.md",
    "how-to/librarian/lists.md",
    "how-to/librarian/materials.md",
    "how-to/librarian/mixed-stacks.md",
    "how-to/librarian/platforms.md",
    "how-to/librarian/press.md",
    "how-to/librarian/publish.md",
    "how-to/librarian/recipes.md",
    "how-to/librarian/source-builds.md",
    "how-to/librarian/tiers.md",
    "how-to/librarian/versions.md",
    "how-to/librarian/write-a-stack.md",
    "how-to/site/install.md",
    "how-to/site/installers.md",
    "how-to/site/packs.md",
    "tutorial/first-release.md",
)
"""Pages that start from nothing."""
ANALYST_PAGES = (
    "how-to/analyst/conda-packages.md",
    "how-to/analyst/keep-a-layer.md",
    "how-to/analyst/doctor.md",
    "how-to/analyst/layer-on-a-release.md",
    "how-to/analyst/layer-on-a-view.md",
    "how-to/analyst/pip-and-uv.md",
    "how-to/analyst/use-a-release.md",
)
"""Pages that start with a release ``hep-analysis``, a view of it, and an analysis."""

# What an analyst finds: a release with numpy 1, and a view of it.
PREPARED = """
```{code-block} toml
:class: write
:caption: lamina.toml

[stack]
name = "hep-analysis"
version = "2026.11.0"
python = "3.12"
platforms = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64"]

[packages]
numpy = "==1.26.4"
```

```{code-block} python
:class: write
:caption: analysis.py

import numpy
print("numpy", numpy.__version__)
```

```{code-block} sh
:class: write
:caption: view-setup.sh

PREFIX=$(echo "$LAMINA_ROOT"/releases/hep-analysis/2026.11.0/*)
export VIEW_PACKAGES="$PREFIX/lib/python3.12/site-packages"
export PYTHONPATH="$VIEW_PACKAGES"
export PATH="$(dirname "$(readlink -f "$PREFIX/bin/python")"):$PATH"
```

```{code-block} console
:class: run

$ lamina publish
$ mkdir view && mv view-setup.sh view/setup.sh
```
"""


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def page_environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return the environment of somebody with lamina on PATH and a root of their own."""
    find_interpreter("3.12")
    programs = Path(sys.executable).parent
    root = tmp_path / "root"
    return environ | {
        "PATH": f"{programs}:{environ['PATH']}",
        "NO_COLOR": "1",
        "LAMINA_ROOT": str(root),
    }


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return an empty directory."""
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


def test_every_page_with_something_to_run_is_listed() -> None:
    runnable = {
        str(path.relative_to(DOCS))
        for path in DOCS.rglob("*.md")
        if "_build" not in path.parts and blocks_of(path.read_text(encoding="utf-8"))
    }
    assert runnable == {*PAGES, *ANALYST_PAGES}


@pytest.mark.index
@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page: str, page_environ: dict[str, str], work: Path) -> None:
    if not page.endswith("/install.md"):
        run_page((DOCS / page).read_text(encoding="utf-8"), directory=work, environ=page_environ)


@pytest.mark.index
@pytest.mark.parametrize("page", ANALYST_PAGES)
def test_a_page_for_analysts_does_what_it_says(
    page: str, place: Place, page_environ: dict[str, str], work: Path
) -> None:
    place.once("prepared", lambda: run_page(PREPARED, directory=work, environ=page_environ))
    text = (DOCS / page).read_text(encoding="utf-8")
    run_page(text, directory=work, environ=page_environ)
