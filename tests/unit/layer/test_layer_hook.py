from __future__ import annotations

import sys
from importlib import machinery
from importlib.machinery import ModuleSpec, SourceFileLoader
from typing import TYPE_CHECKING

import pytest

from lamina._target.layer_hook import (
    OWN_LINES,
    RELEASE_LINE,
    Below,
    compute_path,
    inside,
    joined,
    lift_finders,
    path_lines,
    split,
)

if TYPE_CHECKING:
    from pathlib import Path

STANDARD = ["/py/lib/python312.zip", "/py/lib/python3.12", "/py/lib/python3.12/lib-dynload"]
LAYER = "/layer/site"
BASE = {"layers": [], "path": ["/base/site", "/base/extra"], "roots": ["/base"]}
NESTED = BASE | {"layers": ["/below/site"], "roots": ["/below", "/base"]}


def computed(before: list[str], base: dict[str, list[str]], *after: str) -> list[str]:
    path = compute_path([*before, *STANDARD, LAYER, *after], set(STANDARD), LAYER, base)
    assert len(set(path)) == len(path)
    return path


@pytest.mark.parametrize(
    ("before", "base", "expected"),
    [
        pytest.param([], BASE, [*STANDARD, LAYER, "/base/site", "/base/extra"], id="no-pythonpath"),
        pytest.param(
            ["/base/site"], BASE, [*STANDARD, LAYER, "/base/site", "/base/extra"], id="base-on-it"
        ),
        pytest.param(
            ["/mine"], BASE, ["/mine", *STANDARD, LAYER, "/base/site", "/base/extra"], id="own"
        ),
        pytest.param(
            ["/base/extra", "/mine", "/base/more"],
            BASE,
            ["/mine", *STANDARD, LAYER, "/base/extra", "/base/more", "/base/site"],
            id="the-users-order",
        ),
        pytest.param(
            ["/base/site", "/below/site"],
            NESTED,
            [*STANDARD, LAYER, "/below/site", "/base/site", "/base/extra"],
            id="parents-before-base",
        ),
        pytest.param(
            [LAYER, "/baseline"],
            BASE,
            ["/baseline", *STANDARD, LAYER, "/base/site", "/base/extra"],
            id="layer-itself-and-a-like-name",
        ),
    ],
)
def test_order(before: list[str], base: dict[str, list[str]], expected: list[str]) -> None:
    assert computed(before, base) == expected


def test_what_the_layers_own_pth_files_add_stays_with_the_layer() -> None:
    path = computed([], NESTED, "/source/of/an/editable")
    assert path[3:6] == [LAYER, "/source/of/an/editable", "/below/site"]


def test_another_path_to_the_base_is_the_base(tmp_path: Path) -> None:
    site = tmp_path / "base" / "site"
    site.mkdir(parents=True)
    alias = tmp_path / "alias"
    alias.symlink_to(tmp_path / "base")
    base = {"layers": [], "path": [str(site)], "roots": [str(tmp_path / "base")]}
    assert computed([str(alias / "site")], base) == [*STANDARD, LAYER, str(site)]


def test_a_standard_library_that_is_nowhere() -> None:
    assert split(["/a", "/b"], set(STANDARD)) == ([], [], ["/a", "/b"])


@pytest.mark.parametrize(
    ("entry", "expected"), [("/base", True), ("/base/x", True), ("/base2", False), ("/", False)]
)
def test_inside(entry: str, *, expected: bool) -> None:
    assert inside(entry, ["/base"]) is expected


class PathFinder:
    """Stands for the finder of the search path."""

    found = False

    @classmethod
    def find_spec(cls, name: str, _path: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, SourceFileLoader(name, "/above/m.py")) if cls.found else None


def test_new_finders_move_before_the_path_and_no_other_does() -> None:
    finders = ["first", "early", PathFinder, "old", "late"]
    assert lift_finders(finders, ["early", "late"]) == [
        "first", "early", "late", PathFinder, "old",
    ]  # fmt: skip
    assert lift_finders(["a"], ["a"]) == ["a"]


class Finder:
    def find_spec(self, name: str, _path: object, _target: object) -> str:
        return f"editable {name}"


@pytest.mark.parametrize(
    ("above", "path", "expected"),
    [(False, None, "editable m"), (True, None, None), (True, ["/p"], None)],
    ids=["only-below", "hidden-above", "submodule"],
)
def test_a_finder_below(
    monkeypatch: pytest.MonkeyPatch, *, above: bool, path: list[str] | None, expected: str | None
) -> None:
    monkeypatch.setattr(PathFinder, "found", above)
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    assert Below(Finder(), ["/above"]).find_spec("m", path) == expected


def test_hidden_modules_of_namespaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A namespace of a nearer layer hides what it has itself, and no more."""
    monkeypatch.setattr(sys, "meta_path", [machinery.PathFinder])
    (tmp_path / "space" / "own").mkdir(parents=True)
    (tmp_path / "space" / "own" / "__init__.py").touch()
    below = Below(Finder(), [str(tmp_path)])
    for name, hidden in {"space": False, "space.own": True, "space.own.x": True}.items():
        assert below.is_hidden(name) is hidden
    assert below.find_spec("space.other", ["/p"]) == "editable space.other"


def test_a_wrapped_finder_is_taken_out_by_who_put_it_there() -> None:
    finder = Finder()
    finders: list[object] = [Below(finder, []), Finder()]
    finders.remove(finder)
    assert len(finders) == 1


@pytest.mark.parametrize(
    ("path", "joined_to"),
    [
        pytest.param(["base"], ["upper", "lower", "base"], id="of-the-base"),
        pytest.param(["lower"], ["upper", "lower"], id="of-a-layer"),
        pytest.param(["base", "lower"], ["upper", "lower", "base"], id="in-the-wrong-order"),
        pytest.param(["own"], ["own"], id="of-the-user"),
        pytest.param(["elsewhere"], ["elsewhere"], id="editable"),
    ],
)
def test_parts_of_a_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: list[str], joined_to: list[str]
) -> None:
    names = ("own", "upper", "lower", "base")
    for name in (*names, "elsewhere"):
        (tmp_path / name / "space").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path / name) for name in names])
    above = [str(tmp_path / name) for name in ("upper", "lower")]
    monkeypatch.setattr("lamina._target.layer_hook.ABOVE", above)
    found = joined("space", [str(tmp_path / one / "space") for one in path])
    assert found == [str(tmp_path / one / "space") for one in joined_to]


def test_lines_of_pth_files(tmp_path: Path) -> None:
    (tmp_path / "b.pth").write_bytes(b"# comment\n\nplace\r\n  \n")
    (tmp_path / "a.pth").write_text("import os\n", encoding="utf-8")
    for name in (*OWN_LINES, RELEASE_LINE):
        (tmp_path / name).write_text("import _lamina_layer\n", encoding="utf-8")
    (tmp_path / ".hidden.pth").write_text("import hidden\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("import text\n", encoding="utf-8")
    found = [(name.rpartition("/")[2], line) for name, line in path_lines(str(tmp_path))]
    assert found == [("a.pth", "import os"), ("b.pth", "place")]
    assert list(path_lines(str(tmp_path / "missing"))) == []
