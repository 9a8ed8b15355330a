"""Layers over what no metadata tell of: ROOT's directory, eggs, links to elsewhere."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import IntegrityError
from lamina.layer.change import Request, change_layer
from lamina.layer.listing import list_packages, render_rows
from lamina.layer.opened import open_layer
from lamina.layer.plan import render_plan
from lamina.layer.why import explain_package, explanation_value, render_explanation
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION = "def TH1D(): return 'histogram of the base'\n"


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def root(workshop: Workshop) -> Path:
    """A directory such as $ROOTSYS/lib."""
    lib = workshop.path / "root" / "lib"
    put(lib / "ROOT" / "__init__.py", FUNCTION)
    put(lib / "cppyy" / "__init__.py")
    put(lib / "libCore.so")
    return lib


@pytest.fixture
def over(workshop: Workshop, python: Path, root: Path) -> Path:
    base = workshop.base(
        python,
        Wheel(name="plot", version="1.0", files={"plot/__init__.py": "import ROOT\nROOT.TH1D()\n"}),
    )
    put(site_of(base) / "broken-1.dist-info" / "METADATA")
    put(site_of(base) / "broken" / "__init__.py")
    path = f"{base / 'bin'}:{workshop.environ['PATH']}"
    return workshop.layer("env", PATH=path, PYTHONPATH=str(root))


def test_they_are_listed_and_explained(workshop: Workshop, over: Path, root: Path) -> None:
    opened = open_layer(over, workshop.environ)
    rows = {row.name: row.version for row in list_packages(opened, everything=True)}
    assert rows == {"broken": "", "cppyy": "", "plot": "1.0", "root": ""}
    assert "root    unknown version  base" in render_rows(list_packages(opened, everything=True))
    found = explain_package(opened, "ROOT")
    assert render_explanation(found) == (
        f"root unknown version: in the base\n  found by its files: ROOT in {root}\n"
        "  nothing else needs it"
    )
    assert explanation_value(found)["version"] is None
    assert explain_package(opened, "broken").place == "broken in " + str(
        next((workshop.path / "base").glob("lib/*/site-packages"))
    )


def test_hiding_one_is_said_and_tried(workshop: Workshop, over: Path, root: Path) -> None:
    """What uses the base's ROOT, and does not say so, works with the new one: it is imported."""
    whole = Wheel(name="root", version="0.1", files={"ROOT/__init__.py": FUNCTION})
    workshop.index.add(whole)
    planned = change_layer(Request(layer=over, add=("root",), dry_run=True), workshop.environ)
    assert "^ root 0.1 over unknown version of the base" in render_plan(planned)
    answer = subprocess.run(
        [sys.executable, "-m", "lamina", "layer", "add", over, "root"],
        env=workshop.environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"root 0.1 hides ROOT of the base, in {root}" in answer.stderr
    assert "3 imports tried: what worked before works" in answer.stdout


def test_hiding_one_that_others_need_is_refused(workshop: Workshop, over: Path) -> None:
    """By the name of its module: the package has another name, and its ROOT has no TH1D."""
    workshop.index.add(Wheel(name="other-thing", version="1", files={"ROOT/__init__.py": ""}))
    with pytest.raises(IntegrityError, match=r"plot 1\.0 does not import") as caught:
        change_layer(Request(layer=over, add=("other-thing",)), workshop.environ)
    assert caught.value.exit_code == 6
    use = "import plot; print(plot.ROOT.TH1D())"
    assert run([over / "bin" / "python", "-c", use], workshop.environ) == "histogram of the base\n"


def test_one_that_a_change_would_break(workshop: Workshop, python: Path) -> None:
    """No other version of what has none can be looked for."""
    base = workshop.base(python, Wheel(name="alpha", version="1.0"))
    check = "import alpha\nassert alpha.__version__ == '1.0', 'made for alpha 1'\n"
    put(site_of(base) / "ours.py", check)
    layer = workshop.layer(base)
    workshop.index.add(Wheel(name="alpha", version="2.0"))
    with pytest.raises(IntegrityError, match=r"ours \(version unknown\) does not import any more"):
        change_layer(Request(layer=layer, add=("alpha>=2",)), workshop.environ)


def test_eggs_and_links_to_elsewhere(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python)
    site, elsewhere = site_of(base), workshop.path / "elsewhere"
    with zipfile.ZipFile(site / "packed-1.5-py3.12.egg", "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Name: packed\nVersion: 1.5\n")
        archive.writestr("EGG-INFO/top_level.txt", "packed\n")
        archive.writestr("packed.py", "")
    put(site / "flat-2.0-py3.12.egg" / "EGG-INFO" / "PKG-INFO", "Name: flat\nVersion: 2.0\n")
    put(site / "flat-2.0-py3.12.egg" / "flat.py")
    put(site / "easy-install.pth", "./packed-1.5-py3.12.egg\n./flat-2.0-py3.12.egg\n")
    put(site / "single-3.0.egg-info", "Name: single\nVersion: 3.0\n")
    put(site / "single.py")
    put(site / "there.pth", f"{elsewhere}\n")
    put(elsewhere / "bare.py")
    layer = workshop.layer(base)
    opened = open_layer(layer, workshop.environ)
    rows = {row.name: row.version for row in list_packages(opened, everything=True)}
    assert rows == {"packed": "1.5", "flat": "2.0", "single": "3.0", "bare": ""}
    run([layer / "bin" / "python", "-c", "import packed, flat, single, bare"], workshop.environ)
    workshop.index.add(Wheel(name="flat", version="3.0"))
    change_layer(Request(layer=layer, add=("flat>=3",)), workshop.environ)
    code = "import flat, packed; print(flat.__version__)"
    assert run([layer / "bin" / "python", "-c", code], workshop.environ) == "3.0\n"
