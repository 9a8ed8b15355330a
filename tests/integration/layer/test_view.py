"""The layer as a change will make it, before it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.layer.imports.view import build_view
from lamina.layer.transaction import staged
from support.changes import ALPHA_2, tree
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.transaction import Stage

FACTS = (
    "import sys, alpha, unrelated; print(sys.prefix, alpha.__version__, unrelated.__version__, "
    "sys.path.index(sys.prefix + '/lib/python3.12/site-packages'))"
)


def seen(workshop: Workshop, view: Path, code: str = FACTS, *flags: str) -> list[str]:
    return run([view / "bin" / "python", *flags, "-B", "-c", code], workshop.environ).split()


def viewed(stage: Stage) -> Path:
    view = stage.path / "view"
    build_view(stage, view, site_of(stage.layer))
    return view


def stage_wheel(stage: Stage, wheel: Wheel) -> Path:
    site = stage.prefix / "lib" / "python3.12" / "site-packages"
    wheel.unpack(site)
    return site


@pytest.mark.parametrize("flags", [(), ("-I",)], ids=["plain", "isolated"])
def test_what_comes_in_hides_the_base(
    workshop: Workshop, layer: Path, flags: tuple[str, ...]
) -> None:
    before = tree(layer)
    with staged(layer) as stage:
        source = stage_wheel(stage, ALPHA_2) / "alpha"
        stage.put_in(source, site_of(layer) / "alpha")
        view = viewed(stage)
        prefix, alpha, unrelated, at = seen(workshop, view, FACTS, *flags)
        assert (prefix, alpha, unrelated) == (str(view), "2.0", "1.0")
        assert int(at) > 0
    assert tree(layer) == before


def test_what_leaves_is_not_seen(workshop: Workshop, layer: Path) -> None:
    workshop.add(layer, ALPHA_2)
    with staged(layer) as stage:
        assert seen(workshop, viewed(stage))[1] == "2.0"
    with staged(layer) as stage:
        stage.take_out(site_of(layer) / "alpha")
        assert seen(workshop, viewed(stage))[1] == "1.0"


def test_what_comes_in_the_place_of_what_leaves(workshop: Workshop, layer: Path) -> None:
    workshop.add(layer, Wheel(name="alpha", version="1.5"))
    with staged(layer) as stage:
        stage.put_in(stage_wheel(stage, ALPHA_2) / "alpha", site_of(layer) / "alpha")
        assert seen(workshop, viewed(stage))[1] == "2.0"


def test_a_namespace_is_merged(workshop: Workshop, layer: Path) -> None:
    for name in ("one", "two"):
        files = {f"shared/{name}.py": "", "shared/deep/gone.py": ""}
        workshop.add(layer, Wheel(name=name, version="1.0", files=files))
    with staged(layer) as stage:
        source = stage_wheel(
            stage, Wheel(name="three", version="1.0", files={"shared/three.py": ""})
        )
        site = site_of(layer)
        stage.put_in(source / "shared" / "three.py", site / "shared" / "three.py")
        stage.take_out(site / "shared" / "one.py")
        stage.take_out(site / "shared" / "deep" / "gone.py")
        view = viewed(stage)
        code = "import shared, os; print(*sorted(os.listdir(list(shared.__path__)[0])))"
        assert seen(workshop, view, code) == ["deep", "three.py", "two.py"]
        assert list((site_of(view) / "shared" / "deep").iterdir()) == []


def test_lines_of_new_path_files_count(workshop: Workshop, layer: Path) -> None:
    with staged(layer) as stage:
        source = stage_wheel(stage, Wheel(name="starter", version="1.0"))
        (source / "starter.pth").write_text("import sys; sys.started = 1\n", encoding="utf-8")
        stage.put_in(source / "starter.pth", site_of(layer) / "starter.pth")
        assert seen(workshop, viewed(stage), "import sys; print(sys.started)") == ["1"]


def test_the_inside_of_the_layer_is_not_part_of_it(layer: Path) -> None:
    (site_of(layer) / "__pycache__").mkdir()
    with staged(layer) as stage:
        view = viewed(stage)
        assert not (view / ".lamina").exists()
        assert not (site_of(view) / "__pycache__").exists()
        assert (view / "pyvenv.cfg").is_symlink()
        assert not (view / "bin").is_symlink()
