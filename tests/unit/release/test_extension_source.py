"""What the source of an extension tells without being run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lamina.release.extension_source import read_source

if TYPE_CHECKING:
    from pathlib import Path

DIRAC_WAY = '''
def extension_metadata():
    """Tell."""
    import importlib.resources

    return {
        "primary_extension": True,
        "priority": 100,
        "setups": {"LHCb": "dips://one:9135/C," "dips://two:9135/C"},
        "default_setup": "LHCb",
        "web_resources": {"static": [importlib.resources.files("x")]},
    }
'''
SETUPS = {"LHCb": "dips://one:9135/C,dips://two:9135/C"}


@pytest.mark.parametrize(
    ("source", "attribute", "told"),
    [
        pytest.param("priority = 7\nextends = ['b', 'c']\n", "", {"priority": 7}, id="module"),
        pytest.param("x = 1\n", "", {}, id="module that says nothing"),
        pytest.param("priority: int = -2\n", "", {"priority": -2}, id="annotated"),
        pytest.param("priority = 3 + 4\n", "", None, id="computed"),
        pytest.param("setups = {'a', 'b'}\n", "", None, id="a set"),
        pytest.param("from other import priority\n", "", None, id="imported"),
        pytest.param("from other import *\n", "", None, id="star"),
        pytest.param("priority = 1\npriority = 2\n", "", None, id="twice"),
        pytest.param("if X:\n    priority = 1\n", "", None, id="conditional"),
        pytest.param("class Me:\n    priority = 5\n", "Me", {"priority": 5}, id="class"),
        pytest.param("class Me(Base):\n    other = 5\n", "Me", None, id="class with a base"),
        pytest.param("me = {'priority': 4, 'x': f()}\n", "me", {"priority": 4}, id="dictionary"),
        pytest.param("me = {'priority': f()}\n", "me", None, id="dictionary with a call"),
        pytest.param("me = {**other}\n", "me", None, id="dictionary of another"),
        pytest.param("me = Thing()\n", "me", None, id="object"),
        pytest.param("me = {}\nme = {}\n", "me", None, id="object twice"),
        pytest.param("@wrap\ndef me():\n    return {'priority': 1}\n", "me", None, id="decorated"),
        pytest.param("def me():\n    x = 1\n    return {'priority': x}\n", "me", None, id="works"),
        pytest.param("x = 1\n", "gone", None, id="not there"),
        pytest.param("priority = (\n", "", None, id="no Python"),
    ],
)
def test_reading(tmp_path: Path, source: str, attribute: str, told: dict[str, Any] | None) -> None:
    (tmp_path / "mine.py").write_text(source)
    found = read_source(tmp_path, f"mine:{attribute}" if attribute else "mine")
    if found is not None and "extends" in found:
        assert found.pop("extends") == ["b", "c"]
    assert found == told


def test_the_way_of_dirac_in_a_package(tmp_path: Path) -> None:
    (tmp_path / "MyDIRAC").mkdir()
    (tmp_path / "MyDIRAC" / "__init__.py").write_text(DIRAC_WAY)
    assert read_source(tmp_path, "MyDIRAC:extension_metadata [extra]") == {
        "primary_extension": True,
        "priority": 100,
        "setups": SETUPS,
        "default_setup": "LHCb",
    }


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    assert read_source(tmp_path, "compiled.part:object") is None
