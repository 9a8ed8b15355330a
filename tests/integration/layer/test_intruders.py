"""Packages that bring or claim files of the layer, or of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError, IntegrityError
from lamina.layer import planting
from lamina.layer.base import find_place, look_at
from lamina.layer.create import create_layer
from support.changes import change, tree, versions
from support.wheels import Wheel
from support.workshop import site_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.workshop import Workshop


@pytest.mark.parametrize(
    ("path", "named"),
    [
        pytest.param("evil-1.0.data/scripts/activate", "bin/activate", id="activation"),
        pytest.param("evil-1.0.data/data/pyvenv.cfg", "pyvenv.cfg", id="configuration"),
        pytest.param("evil-1.0.data/data/.lamina/journal.json", ".lamina/journal", id="journal"),
        pytest.param("+lamina.pth", r"\+lamina.pth", id="first start-up line"),
        pytest.param("~lamina.pth", "~lamina.pth", id="last start-up line"),
        pytest.param("_lamina_layer.py", "_lamina_layer.py", id="start-up hook"),
    ],
)
def test_a_package_cannot_bring_files_of_the_layer(
    workshop: Workshop, layer: Path, path: str, named: str
) -> None:
    workshop.index.add(Wheel(name="evil", version="1.0", files={path: "evil"}))
    before = tree(layer)
    with pytest.raises(IntegrityError, match=f"evil-1.0 brings .*{named}"):
        change(workshop, layer, "evil")
    assert tree(layer) == before
    assert versions(workshop, layer, "alpha") == ["1.0"]


def test_taking_back_leaves_the_files_of_the_layer_whatever_a_record_says(
    workshop: Workshop, layer: Path
) -> None:
    before = tree(layer)
    change(workshop, layer, "gamma")
    record = site_of(layer) / "gamma-1.0.dist-info" / "RECORD"
    lies = ("bin/activate", "bin/python", "pyvenv.cfg", "lamina-layer.toml", ".gitignore")
    more = [f"../../../{name}" for name in lies]
    more += ["~lamina.pth", "_lamina_layer.py", "../../..", "../../../../index"]
    record.write_text(record.read_text() + "".join(f"{name},,\n" for name in more))
    change(workshop, layer, remove=("gamma",))
    after = tree(layer)
    after.pop("lamina-layer.lock")
    assert after == before
    assert workshop.index.path.is_dir()


def test_taking_back_leaves_what_another_package_brought_as_well(
    workshop: Workshop, layer: Path
) -> None:
    shared = {"shared/__init__.py": "", "shared/data.txt": "x"}
    workshop.index.add(
        Wheel(name="one", version="1.0", files=shared),
        Wheel(name="two", version="1.0", files=shared),
    )
    change(workshop, layer, "one", "two")
    change(workshop, layer, remove=("one",))
    assert (site_of(layer) / "shared" / "data.txt").read_text() == "x"
    assert not (site_of(layer) / "one").exists()
    change(workshop, layer, remove=("two",))
    assert not (site_of(layer) / "shared").exists()


def test_no_hint_removes_what_is_not_a_layer(workshop: Workshop, layer: Path) -> None:
    mine = workshop.path / "my thesis"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    place = find_place(str(workshop.path / "base"), root=mine, environ=workshop.environ)
    base = look_at(place, environ=workshop.environ)
    with pytest.raises(ConflictError, match="not empty") as caught:
        create_layer(mine, base)
    assert not any(hint.startswith("rm ") for hint in caught.value.hints)
    with pytest.raises(ConflictError, match="there is a layer already") as caught:
        create_layer(layer, base)
    assert f"rm -r '{layer}'" in caught.value.hints


def test_two_that_make_a_layer_at_once(
    workshop: Workshop, layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = find_place(str(workshop.path / "base"), root=layer, environ=workshop.environ)
    base = look_at(place, environ=workshop.environ)
    before = tree(layer)
    # The other one is there between the look and the rename.
    answers = iter([False, True])
    monkeypatch.setattr(planting, "occupied", lambda _: next(answers))
    with pytest.raises(ConflictError, match="there is a layer already"):
        create_layer(layer, base)
    assert tree(layer) == before
    assert [path.name for path in layer.parent.glob(".layer*")] == []
