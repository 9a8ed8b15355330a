"""Distributions inside conda packages, and tables of their names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.channel.distributions import distributions_in, merge_names, names_from, save_names
from lamina.core.errors import DocumentError
from lamina.press.names import NAMES_FILE, names_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("lib/python3.12/site-packages/Foo_Bar-1.0.0.dist-info/METADATA", {"foo-bar": "1.0.0"}),
        ("site-packages/ruamel.yaml-0.18.dist-info/RECORD", {"ruamel-yaml": "0.18"}),
        ("site-packages/old-2.0-py3.12.egg-info/PKG-INFO", {"old": "2.0"}),
        ("site-packages/old-2.0-py3.12.egg-info", {"old": "2.0"}),
        ("site-packages/setuptools/_vendor/wheel-0.43.dist-info/METADATA", {}),
        ("site-packages/odd-not.a.version.dist-info/METADATA", {}),
        ("share/foo-1.0.dist-info/METADATA", {}),
    ],
)
def test_distributions_are_found_by_their_metadata(path: str, found: dict[str, str]) -> None:
    assert distributions_in(["bin/other", path]) == found


def test_a_table_of_others_is_turned_around(tmp_path: Path) -> None:
    table = tmp_path / "names.json"
    told = {"pytorch": "torch", "zlib": None, "matplotlib": "matplotlib", "two": ["one", "Two_Two"]}
    table.write_text(json.dumps({"matplotlib-base": "matplotlib"} | told))
    assert names_from(table) == {
        "matplotlib": "matplotlib",
        "one": "two",
        "torch": "pytorch",
        "two-two": "two",
    }


def test_what_goes_without_saying_is_not_in_the_table(tmp_path: Path) -> None:
    merged = merge_names({"torch": "pytorch", "tables": "pytables"}, {"tables": "tables"})
    assert merged == {"torch": "pytorch"}
    save_names(merged, tmp_path / "names.toml")
    assert names_of(tmp_path / "names.toml") == merged


def test_the_table_that_comes_along_is_as_it_would_be_written(tmp_path: Path) -> None:
    save_names(merge_names({}, names_of(NAMES_FILE)), tmp_path / "names.toml")
    assert (tmp_path / "names.toml").read_bytes() == NAMES_FILE.read_bytes()


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_what_is_no_table_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(DocumentError, match="no table of names"):
        names_from(tmp_path / "names.json")
